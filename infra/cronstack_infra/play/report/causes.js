"use strict";
// The text of a failure without the parts that differ between occurrences: ids, addresses, times, long numbers.
function causeOf(text) {
  return text
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, "…")
    .replace(/\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?/g, "…")
    .replace(/\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b/g, "…")
    .replace(/'[^']*'|"[^"]*"/g, (quoted) => quoted.replace(/\d+/g, "…"))
    .replace(/\b(?=\w*\d)[0-9a-f]{8,}\b|\b\d{5,}\b|\b(?=\w*\d)(?=\w*[A-Z])[0-9A-Z]{20,}\b/gi, "…");
}

// Groups of similar failures: [{ key, job, outcome, why, places }], the worst outcome first, then the most frequent.
// Each failure is { place, job, outcome, why }; severity is by outcome.
function groupByCause(failures, severity) {
  const groups = new Map();
  for (const failure of failures) {
    const cause = causeOf(failure.why), key = JSON.stringify([failure.job, failure.outcome, cause]);
    const group = groups.get(key);
    if (!group) groups.set(key, { key, job: failure.job, outcome: failure.outcome, why: failure.why, places: [failure.place] });
    else {
      group.places.push(failure.place);
      if (group.why !== failure.why) group.why = cause;
    }
  }
  return [...groups.values()].sort((a, b) => severity[b.outcome] - severity[a.outcome] || b.places.length - a.places.length);
}
