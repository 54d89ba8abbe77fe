"use strict";
// The text of a failure without what differs from one occurrence to the next: ids, addresses, times, long numbers.
function causeOf(text) {
  return text
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, "…")
    .replace(/\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?/g, "…")
    .replace(/\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b/g, "…")
    .replace(/'[^']*'|"[^"]*"/g, (quoted) => quoted.replace(/\d+/g, "…"))
    .replace(/\b(?=\w*\d)[0-9a-f]{8,}\b|\b\d{5,}\b|\b(?=\w*\d)(?=\w*[A-Z])[0-9A-Z]{20,}\b/gi, "…");
}

// Failures that look alike: [{ key, job, outcome, why, places }], the worst outcome first, then the commonest.
// Each failure is { place, job, outcome, why }; severity is by outcome.
function groupByCause(failures, severity) {
  const groups = new Map();
  for (const one of failures) {
    const cause = causeOf(one.why), key = JSON.stringify([one.job, one.outcome, cause]);
    const group = groups.get(key);
    if (!group) groups.set(key, { key, job: one.job, outcome: one.outcome, why: one.why, places: [one.place] });
    else {
      group.places.push(one.place);
      if (group.why !== one.why) group.why = cause;
    }
  }
  return [...groups.values()].sort((a, b) => severity[b.outcome] - severity[a.outcome] || b.places.length - a.places.length);
}
