"use strict";
(function () {
  var box = document.getElementById("q");
  document.addEventListener("keydown", function (e) {
    if (e.key === "/" && !e.ctrlKey && !e.metaKey && !e.altKey && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
      e.preventDefault();
      box.focus();
    }
  });

  var hits = document.getElementById("hits");
  if (hits) {
    var found = document.getElementById("found");
    var whole = found.textContent;
    var items = Array.prototype.map.call(hits.children, function (li) {
      return { li: li, text: (li.textContent + " " + li.dataset.words).toLowerCase() };
    });
    var filter = function () {
      var words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      var n = 0;
      items.forEach(function (item) {
        var on = words.every(function (w) { return item.text.indexOf(w) >= 0; });
        item.li.hidden = !on;
        n += on ? 1 : 0;
      });
      found.textContent = words.length ? n + " of " + items.length + " names match." : whole;
    };
    box.value = new URLSearchParams(location.search).get("q") || "";
    box.addEventListener("input", filter);
    box.form.addEventListener("submit", function (e) { e.preventDefault(); });
    filter();
    if (matchMedia("(hover: hover)").matches) {
      box.focus();
    }
  }

  document.querySelectorAll(".graph svg").forEach(function (svg) {
    var edges = Array.prototype.slice.call(svg.querySelectorAll(".edge"));
    var nodes = Array.prototype.slice.call(svg.querySelectorAll(".node"));
    var reach = function (start, from, to, on) {
      var queue = [start];
      while (queue.length) {
        var at = queue.pop();
        edges.forEach(function (e) {
          if (e.dataset[from] === at && on.indexOf(e) < 0) {
            on.push(e);
            queue.push(e.dataset[to]);
          }
        });
      }
    };
    var show = function (id) {
      var on = [];
      reach(id, "from", "to", on);
      reach(id, "to", "from", on);
      svg.classList.add("focused");
      edges.forEach(function (e) { e.classList.toggle("on", on.indexOf(e) >= 0); });
      nodes.forEach(function (n) {
        n.classList.toggle("on", n.dataset.node === id || on.some(function (e) {
          return e.dataset.from === n.dataset.node || e.dataset.to === n.dataset.node;
        }));
      });
    };
    var clear = function () { svg.classList.remove("focused"); };
    nodes.forEach(function (n) {
      n.addEventListener("mouseenter", function () { show(n.dataset.node); });
      n.addEventListener("focus", function () { show(n.dataset.node); });
      n.addEventListener("mouseleave", clear);
      n.addEventListener("blur", clear);
    });
  });
})();
