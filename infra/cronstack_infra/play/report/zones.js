"use strict";
// The local clock of a time zone during a span. Its offsets are computed once. All times are in milliseconds.
function zoneClock(zone, from, until) {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  });
  const ask = (at) => {
    const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) - Math.floor(at / 1000) * 1000;
  };
  const day = 86400000, changes = [[-Infinity, ask(from - day)]];
  for (let at = from - day; at < until + day; at += day) {
    const after = ask(at + day);
    if (after === changes.at(-1)[1]) continue;
    let low = at, high = at + day;
    while (high - low > 60000) { // to the minute
      const middle = Math.floor((low + high) / 120000) * 60000;
      if (ask(middle) === after) high = middle; else low = middle;
    }
    changes.push([high, after]);
  }
  const offset = (at) => {
    let k = changes.length - 1;
    while (changes[k][0] > at) k--;
    return changes[k][1];
  };
  const local = (at) => at + offset(at);
  const instant = (shown) => shown - offset(shown - offset(shown));
  return { zone, local, instant };
}

// Hours of a span by weekday (Monday first) and hour of the local clock.
function hoursByWeekday(clock, from, until) {
  const hours = Array.from({ length: 7 }, () => new Array(24).fill(0)), quarter = 900000;
  for (let at = from; at < until;) {
    const local = clock.local(at), next = Math.min(until, at + quarter - ((local % quarter) + quarter) % quarter);
    const { weekday, hour } = weekdayAndHour(local);
    hours[weekday][hour] += (next - at) / 3600000;
    at = next;
  }
  return hours;
}

function weekdayAndHour(local) {
  const hours = Math.floor(local / 3600000);
  return { weekday: (Math.floor(hours / 24) + 3) % 7, hour: hours % 24 }; // 1970-01-01 was a Thursday
}
