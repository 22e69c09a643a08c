/** What the tests know of the hub and of the people in it; e2e/node_test.go says it. */
export const url = process.env.HUB_URL;

/** @typedef {{ token: string, id: string }} Person */

/** @returns {Person} */
function person(token) {
  const claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
  return { token, id: claims.sub };
}

export const ada = person(process.env.ADA);
export const tess = person(process.env.TESS);

/** Has the teacher give a student a badge, which tells the student so. */
export async function awardBadge(to, source) {
  const res = await fetch(`${url}/pl.achievement.v1.AchievementService/AwardBadge`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${tess.token}`, "Idempotency-Key": source },
    body: JSON.stringify({
      studentId: to.id, studentName: "Ada", kind: "BADGE_KIND_HELPING_HAND", sourceId: source, reason: "helped everybody", awardedBy: tess.id,
    }),
  });
  if (!res.ok) throw new Error(`award a badge: ${res.status} ${await res.text()}`);
}
