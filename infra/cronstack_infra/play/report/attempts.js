"use strict";
// The columns of the attempts, sorted by start; see pack.py. Starts are in tenths of a second, lengths in milliseconds.
async function unpack(columns, count) {
  const packed = Uint8Array.from(atob(columns), (c) => c.charCodeAt(0));
  const raw = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
  const starts = new Uint32Array(raw, 0, count);
  for (let i = 1; i < count; i++) starts[i] += starts[i - 1];
  return {
    starts, took: new Uint32Array(raw, 4 * count, count), jobOf: new Uint16Array(raw, 8 * count, count),
    outcome: new Uint8Array(raw, 10 * count, count), number: new Uint8Array(raw, 11 * count, count),
  };
}

// The counts of a job and the durations of its attempts, null if none was started. `list` has the indexes of its
// attempts, `first` the indexes of attempts that are not retries although their number is above 1.
function summary(list, { starts, took, outcome, number }, outcomes, first) {
  const row = { runs: 0, retries: 0, overlaps: 0, median: null, p99: null }, lasted = [];
  for (const name of outcomes) row[name] = 0;
  let busy = -1;
  for (const i of list) {
    row[outcomes[outcome[i]]]++;
    if (number[i] === 0) continue;
    if (number[i] === 1 || first.has(i)) row.runs++; else row.retries++;
    if (starts[i] * 100 < busy) row.overlaps++;
    busy = Math.max(busy, starts[i] * 100 + took[i]);
    lasted.push(took[i]);
  }
  lasted.sort((a, b) => a - b);
  if (lasted.length) {
    row.median = lasted[lasted.length >> 1];
    row.p99 = lasted[Math.min(lasted.length - 1, Math.floor(lasted.length * 0.99))];
  }
  return row;
}
