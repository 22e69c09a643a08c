package registry

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
)

// mediaTypes are the names of what this registry speaks, the best one first.
var mediaTypes = []string{"application/vnd.schemaregistry.v1+json", "application/vnd.schemaregistry+json", "application/json"}

// maxBody bounds a request; a schema of avro's largest size fits.
const maxBody = 16 << 20

// Handler returns the REST API, to be served at the root of a host or behind
// http.StripPrefix. It has no authentication of its own.
func (r *Registry) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, answer := range r.routes() {
		mux.Handle(pattern, respond(answer))
	}
	return negotiate(withContext(plainErrors(mux)))
}

// negotiate names the media type of the answer as the request wants it: the
// best one that it lists, else the best one.
func negotiate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer, accepted := mediaTypes[0], strings.ToLower(strings.Join(req.Header.Values("Accept"), ","))
		for _, name := range mediaTypes {
			if strings.Contains(accepted, name) {
				answer = name
				break
			}
		}
		w.Header().Set("Content-Type", answer)
		next.ServeHTTP(w, req)
	})
}

type answerer = func(*http.Request) (any, error)

func (r *Registry) routes() map[string]answerer {
	return map[string]answerer{
		"GET /{$}":                                          constant(map[string]any{}),
		"GET /subjects":                                     r.listSubjects,
		"POST /subjects/{subject}":                          r.lookup,
		"DELETE /subjects/{subject}":                        r.deleteSubject,
		"GET /schemas":                                      r.listSchemas,
		"GET /schemas/types":                                constant([]string{"AVRO"}),
		"GET /schemas/ids/{id}":                             r.getByID,
		"GET /contexts":                                     r.listContexts,
		"GET /config":                                       r.getConfig,
		"PUT /config":                                       r.putConfig,
		"DELETE /config":                                    r.deleteConfig,
		"GET /config/{subject}":                             r.getConfig,
		"PUT /config/{subject}":                             r.putConfig,
		"DELETE /config/{subject}":                          r.deleteConfig,
		"GET /mode":                                         r.getMode,
		"PUT /mode":                                         r.putMode,
		"DELETE /mode":                                      r.deleteMode,
		"GET /mode/{subject}":                               r.getMode,
		"PUT /mode/{subject}":                               r.putMode,
		"DELETE /mode/{subject}":                            r.deleteMode,
		"GET /v1/metadata/version":                          constant(serverVersion()),
		"GET /v1/metadata/id":                               constant(clusterID()),
		"GET /schemas/ids/{id}/schema":                      r.getTextByID,
		"GET /schemas/ids/{id}/subjects":                    r.listSubjectsOf,
		"GET /schemas/ids/{id}/versions":                    r.listUses,
		"GET /subjects/{subject}/versions":                  r.listVersions,
		"POST /subjects/{subject}/versions":                 r.register,
		"GET /subjects/{subject}/versions/{version}":        r.getVersion,
		"DELETE /subjects/{subject}/versions/{version}":     r.deleteVersion,
		"GET /subjects/{subject}/versions/{version}/schema": r.getVersionText,
		"GET /subjects/{subject}/versions/{version}/referencedby":   r.listReferers,
		"POST /compatibility/subjects/{subject}/versions":           r.compatibility,
		"POST /compatibility/subjects/{subject}/versions/{version}": r.compatibility,
	}
}

func constant(body any) answerer { return func(*http.Request) (any, error) { return body, nil } }

func clusterID() any {
	return map[string]any{"scope": map[string]any{"path": []string{},
		"clusters": map[string]string{"schema-registry-cluster": "campus-hub"}}, "id": ""}
}

// serverVersion is what the build says of this program.
func serverVersion() any {
	version := map[string]string{"version": "", "commitId": ""}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return version
	}
	version["version"] = build.Main.Version
	for _, s := range build.Settings {
		if s.Key == "vcs.revision" {
			version["commitId"] = s.Value
		}
	}
	return version
}

func respond(answer answerer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Body = http.MaxBytesReader(w, req.Body, maxBody)
		body, err := answer(req)
		if err != nil {
			writeFault(w, err)
			return
		}
		writeBody(w, http.StatusOK, body)
	})
}

func writeFault(w http.ResponseWriter, err error) {
	var f *fault
	if !errors.As(err, &f) {
		f = &fault{status: http.StatusInternalServerError, Code: 500, Message: err.Error()}
	}
	writeBody(w, f.status, f)
}

func writeBody(w http.ResponseWriter, status int, body any) {
	text, isText := body.(rawText)
	encoded := []byte(text)
	if !isText {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Cache-Control", "no-cache, no-store, must-revalidate")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(encoded) // a client that has gone needs no answer
}

// plainErrors makes unknown paths and methods answer in the API's form.
func plainErrors(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, pattern := mux.Handler(req); pattern != "" {
			mux.ServeHTTP(w, req)
			return
		}
		status := http.StatusNotFound
		if hasRoute(mux, req) {
			status = http.StatusMethodNotAllowed
		}
		writeBody(w, status, &fault{Code: status, Message: "HTTP " + strconv.Itoa(status) + " " + http.StatusText(status)})
	})
}

// hasRoute reports whether another method would find the path.
func hasRoute(mux *http.ServeMux, req *http.Request) bool {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := req.Clone(req.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			return true
		}
	}
	return false
}

// withContext serves "/contexts/{context}/…" as the path after it within that
// context, and a path with a slash at its end as the one without.
func withContext(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		path := req.URL.EscapedPath()
		if len(path) > 1 {
			path = strings.TrimSuffix(path, "/")
		}
		query := req.URL.Query()
		if rest, ok := strings.CutPrefix(path, "/contexts/"); ok {
			context, inner, _ := strings.Cut(rest, "/")
			path = "/" + qualifyPath(inner, contextName(context), query)
		}
		unescaped, err := url.PathUnescape(path)
		if err != nil {
			writeFault(w, badRequest(err))
			return
		}
		inner := req.Clone(req.Context())
		inner.URL.Path, inner.URL.RawPath, inner.URL.RawQuery = unescaped, path, query.Encode()
		next.ServeHTTP(w, inner)
	})
}

// contextName accepts "ctx", ".ctx" and ":.ctx:".
func contextName(escaped string) string {
	name, err := url.PathUnescape(escaped)
	if err != nil {
		name = escaped
	}
	return "." + strings.TrimPrefix(strings.Trim(name, ":"), ".")
}

// qualifyPath moves the subjects of a path and its query into a context.
func qualifyPath(path, context string, query url.Values) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if i > 0 && (parts[i-1] == "subjects" || i == 1 && (parts[0] == "config" || parts[0] == "mode")) {
			parts[i] = ":" + context + ":" + part
		}
	}
	switch {
	case len(parts) == 1 && (parts[0] == "config" || parts[0] == "mode"):
		parts = append(parts, ":"+context+":")
	case parts[0] == "schemas" && len(parts) > 2:
		query.Set("subject", ":"+context+":"+query.Get("subject"))
	case len(parts) == 1:
		query.Set("subjectPrefix", ":"+context+":"+strings.TrimPrefix(query.Get("subjectPrefix"), anyContext))
	}
	return strings.Join(parts, "/")
}

func subjectOf(req *http.Request) subjectName { return parseSubject(req.PathValue("subject")) }

// flag reads a boolean parameter; anything but true is false.
func flag(req *http.Request, name string) bool {
	return strings.EqualFold(req.URL.Query().Get(name), "true")
}

func schemaBody(req *http.Request) (*schemaRequest, error) {
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	return readSchema(body)
}

func readBody(req *http.Request) ([]byte, error) {
	body, err := io.ReadAll(req.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, faultf(42209, "the request is larger than %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return nil, badRequest(err)
	}
	return body, nil
}

// page applies the parameters offset and limit.
func page[T any](req *http.Request, all []T) []T {
	offset, err := strconv.Atoi(req.URL.Query().Get("offset"))
	if err != nil || offset < 0 {
		offset = 0
	}
	all = all[min(offset, len(all)):]
	if limit, err := strconv.Atoi(req.URL.Query().Get("limit")); err == nil && limit >= 0 {
		all = all[:min(limit, len(all))]
	}
	return all
}
