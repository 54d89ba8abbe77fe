// Unpacks the attempts, then draws the view: the time line, the heat map, the tables. One state, one draw function.
(async () => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const el = (id) => document.getElementById(id);
  const DAY = 864000, LANE = 26, NAME = 150, AXIS = 24; // tenths of a second; pixels
  const origin = Date.parse(data.from), whole = Math.max(1, (Date.parse(data.until) - origin) / 100);
  const count = data.attempts;

  const { starts, took, jobOf, outcome, number } = await unpack(data.columns, count);
  const first = new Set(data.first); // not retries, although their number is above 1
  const longest = took.reduce((a, b) => Math.max(a, b), 0) / 100;
  const ofJob = data.jobs.map(() => []);
  for (let i = 0; i < count; i++) ofJob[jobOf[i]].push(i);
  const noteAt = new Map(data.notes.map((note) => [note[0], note]));
  const severity = data.severity, isBad = (name) => severity[data.outcomes.indexOf(name)] >= data.bad;

  const state = { from: 0, to: whole, job: null, sort: "job", up: true, cause: null, zone: "UTC" };
  const clocks = new Map();
  const clockIn = (zone) => {
    if (!clocks.has(zone)) clocks.set(zone, zoneClock(zone, origin, origin + whole * 100));
    return clocks.get(zone);
  };
  // The zone of the shown times: the chosen zone, or the chosen job's own.
  const zoneShown = () => state.zone !== "own" ? state.zone : state.job === null ? "UTC" : data.jobs[state.job].zone;
  const clock = () => clockIn(zoneShown());
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const stamp = (t, seconds) => new Date(clock().local(origin + t * 100)).toISOString().slice(0, seconds ? 19 : 16).replace("T", " ");
  // Index of the first attempt in a sorted list that starts at `t` or later.
  const lower = (list, t) => {
    let a = 0, b = list.length;
    while (a < b) { const m = (a + b) >> 1; if (starts[list[m]] < t) a = m + 1; else b = m; }
    return a;
  };
  const inView = (job) => [lower(ofJob[job], state.from), lower(ofJob[job], state.to)]; // indexes in its list
  const shown = () => state.job === null ? data.jobs.map((_, job) => job) : [state.job];

  // -- totals and tables ---------------------------------------------------------------------------------------------
  const COLUMNS = ["job", ...data.counts, "median", "p99"];
  const rows = data.jobs.map((job, index) => ({
    job: job.name, index, ...summary(ofJob[index], { starts, took, outcome, number }, data.outcomes, first),
  }));

  function title() {
    const utc = (t) => new Date(origin + t * 100).toISOString().slice(0, 16).replace("T", " ");
    el("title").textContent = `${data.stack || "Simulation"}: ${data.jobs.length} job${data.jobs.length === 1 ? "" : "s"}`;
    el("span").textContent = `${utc(0)} to ${utc(whole)} UTC, seed ${data.seed}, faults ${data.faults}; ${many(count)} attempts${deferrals()}`;
    document.title = el("title").textContent;
  }

  // Text about deferred deliveries, by reason, and about dead letters of missed occurrences; "" if none.
  function deferrals() {
    const reasons = Object.entries(data.deferred).filter(([, n]) => n).map(([why, n]) => `; ${many(n)} deferred: ${why}`);
    return reasons.join("") + (data.missed_letters ? `; ${many(data.missed_letters)} dead letters of missed occurrences` : "");
  }

  // Totals of the whole span, of all jobs or of the chosen one.
  function totals() {
    const sum = (name) => shown().reduce((total, job) => total + rows[job][name], 0);
    el("totals-title").textContent = state.job === null ? "All jobs" : data.jobs[state.job].name;
    el("totals").replaceChildren(...data.counts.map((name) => {
      const total = make("div");
      total.append(make("b", many(sum(name)), { "data-total": name }), make("span", name));
      return total;
    }));
    el("legend").replaceChildren(...data.outcomes.filter(sum).map((name) => {
      const item = make("li"), mark = make("i");
      mark.style.background = `var(--${name})`;
      item.append(mark, `${name} ${many(sum(name))}`);
      return item;
    }));
  }

  function jobsTable() {
    const table = el("jobs"), head = make("tr"), body = make("tbody");
    for (const name of COLUMNS) {
      const cell = make("th", undefined, { "aria-sort": state.sort === name ? (state.up ? "ascending" : "descending") : "none" });
      const button = make("button", name, { type: "button" });
      button.onclick = () => { state.up = state.sort === name ? !state.up : name === "job"; state.sort = name; jobsTable(); };
      cell.append(button);
      head.append(cell);
    }
    const sorted = [...rows].sort((a, b) => {
      const [x, y] = [a[state.sort], b[state.sort]];
      return (typeof x === "string" ? x.localeCompare(y) : (x ?? -1) - (y ?? -1)) * (state.up ? 1 : -1);
    });
    for (const row of sorted) {
      const line = make("tr", undefined, { "data-job": row.job, tabindex: "0", "aria-selected": String(state.job === row.index) });
      for (const name of COLUMNS) {
        const value = name === "job" ? row.job : name === "median" || name === "p99" ? span(row[name]) : many(row[name]);
        const cell = make("td", value, { "data-column": name });
        if (row[name] && isBad(name)) cell.className = "bad";
        line.append(cell);
      }
      const of = data.jobs[row.index];
      line.title = [...of.schedules, of.where].filter(Boolean).join("\n");
      line.onclick = () => choose(state.job === row.index ? null : row.index);
      byKeyboard(line);
      body.append(line);
    }
    const top = make("thead");
    top.append(head);
    table.replaceChildren(top, body);
    el("chosen").textContent = state.job === null ? "choose one to see it alone" : `${data.jobs[state.job].name} alone; Esc shows all`;
  }

  function heat() {
    const cells = Array.from({ length: 7 }, () => new Array(24).fill(0)), at = clock();
    for (const job of shown()) {
      const [begin, end] = inView(job);
      for (let k = begin; k < end; k++) {
        const i = ofJob[job][k];
        if (!number[i]) continue;
        const { weekday, hour } = weekdayAndHour(at.local(origin + starts[i] * 100));
        cells[weekday][hour]++;
      }
    }
    // A view may have more Tuesdays than Fridays, so cells show averages per hour. Less than one hour counts as one.
    const hours = hoursByWeekday(at, origin + state.from * 100, origin + state.to * 100);
    const average = cells.map((line, day) => line.map((starting, hour) => starting / Math.max(1, hours[day][hour])));
    const most = Math.max(Number.MIN_VALUE, ...average.flat());
    const short = (n) => n > 9999 ? Math.round(n / 1000) + "k" : n >= 100 ? String(Math.round(n)) : n < 0.05 ? "<0.1" : String(+n.toFixed(1));
    const head = make("tr");
    head.append(make("th"), ...cells[0].map((_, hour) => make("th", String(hour).padStart(2, "0"))));
    const lines = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].map((name, day) => {
      const line = make("tr");
      line.append(make("th", name), ...cells[day].map((starting, hour) => {
        const mean = average[day][hour];
        const cell = make("td", starting ? short(mean) : "",
          { title: `${name} ${hour}:00 ${at.zone}: ${many(starting)} starts, ${short(mean)} in an hour on average`, "data-starts": String(starting) });
        cell.style.background = starting ? `rgba(${colour("heat")}, ${0.12 + 0.78 * mean / most})` : "transparent";
        return cell;
      }));
      return line;
    });
    el("heat").replaceChildren(head, ...lines);
    el("heat-about").textContent = `average per hour, in view, ${at.zone}`;
  }

  // Attempts in view that did not succeed, in order of time.
  function failures() {
    const jobs = new Set(shown()), found = [];
    for (const [place, occurrence, why] of data.notes) {
      if (starts[place] < state.from || starts[place] >= state.to || !jobs.has(jobOf[place])) continue;
      found.push({ place, occurrence, why, job: jobOf[place], outcome: outcome[place] });
    }
    return found;
  }

  function outcomeCell(kind) {
    const cell = make("td"), mark = make("i"), name = data.outcomes[kind];
    mark.style.background = `var(--${name})`;
    cell.append(mark, name);
    return cell;
  }

  function notes() {
    const all = failures(), groups = groupByCause(all, severity);
    const chosen = groups.find((group) => group.key === state.cause);
    if (!chosen) state.cause = null;
    headed(el("causes"), ["count", "job", "outcome", "why", "first", "last"], groups.slice(0, 200).map((group) => {
      const line = make("tr", undefined, { tabindex: "0", "aria-selected": String(group === chosen) });
      const [first, last] = [group.places[0], group.places.at(-1)].map((place) => stamp(starts[place]));
      line.append(make("td", many(group.places.length)), make("td", data.jobs[group.job].name), outcomeCell(group.outcome),
        make("td", group.why), make("td", first), make("td", last));
      line.onclick = () => { state.cause = state.cause === group.key ? null : group.key; redraw(); };
      byKeyboard(line);
      return line;
    }));
    const places = chosen && new Set(chosen.places), wanted = chosen ? all.filter((one) => places.has(one.place)) : all;
    headed(el("notes"), [`when (${zoneShown()})`, "job", "outcome", "attempt", "occurrence", "why"], wanted.slice(0, 200).map((one) => {
      const line = make("tr");
      line.append(make("td", stamp(starts[one.place], true)), make("td", data.jobs[one.job].name), outcomeCell(one.outcome),
        make("td", number[one.place] || ""), make("td", one.occurrence), make("td", one.why));
      return line;
    }));
    const left = data.notes_left_out ? `; ${many(data.notes_left_out)} more are drawn, not listed` : "";
    el("causes-count").textContent = `${many(groups.length)} cause${groups.length === 1 ? "" : "s"} in view` +
      `${groups.length > 200 ? ", the first 200 shown" : ""}${chosen ? "; the chosen one alone below" : ""}${left}`;
    el("notes-count").textContent = `${many(wanted.length)} in view${wanted.length > 200 ? ", the first 200 shown" : ""}`;
  }

  // -- the time line -------------------------------------------------------------------------------------------------
  const canvas = el("canvas"), pen = canvas.getContext("2d"), lanes = el("lanes");
  const left = () => Math.min(NAME, canvas.clientWidth * 0.3);
  const toX = (t) => left() + (t - state.from) / (state.to - state.from) * (canvas.clientWidth - left());
  const toTime = (x) => state.from + (x - left()) / (canvas.clientWidth - left()) * (state.to - state.from);

  function axis(width, height) {
    const steps = [600, 3000, 6000, 36000, 108000, 216000, DAY, 7 * DAY, 30 * DAY, 91 * DAY];
    const step = steps.find((s) => (state.to - state.from) / s < width / 90) ?? 365 * DAY;
    pen.fillStyle = colour("soft");
    pen.strokeStyle = colour("line");
    pen.textAlign = "left";
    const at = clock(), grid = step * 100, begin = at.local(origin + state.from * 100); // on the hour, on the day
    for (let shown = Math.ceil(begin / grid) * grid; ; shown += grid) {
      const t = (at.instant(shown) - origin) / 100;
      if (t >= state.to) break;
      if (t < state.from) continue;
      const x = Math.round(toX(t)) + 0.5;
      pen.beginPath();
      pen.moveTo(x, AXIS - 6);
      pen.lineTo(x, height);
      pen.stroke();
      if (x + 64 > width) break;
      const text = stamp(t);
      pen.fillText(step >= DAY ? text.slice(0, 10) : text.slice(11) === "00:00" ? text.slice(5, 10) : text.slice(11), x + 3, 12);
    }
  }

  function lane(job, top, width) {
    // Measured once: asking the canvas for its width half a million times takes seconds.
    const list = ofJob[job], edge = left(), pixels = Math.max(1, Math.floor(width - edge));
    const scale = pixels / (state.to - state.from);
    const kinds = data.outcomes.length, each = new Uint32Array(pixels * kinds), dense = new Uint32Array(pixels);
    // An attempt that started before the view may still last into it.
    for (let k = lower(list, state.from - longest); k < list.length && starts[list[k]] < state.to; k++) {
      const i = list[k], from = (starts[i] - state.from) * scale, to = from + took[i] / 100 * scale;
      const last = Math.min(pixels - 1, Math.max(Math.floor(from), Math.ceil(to) - 1));
      for (let p = Math.max(0, Math.floor(from)); p <= last; p++) {
        dense[p]++;
        each[p * kinds + outcome[i]]++;
      }
    }
    const most = dense.reduce((a, b) => Math.max(a, b), 1), colours = data.outcomes.map(colour);
    // Shares of a pixel's attempts, the worst on top; one failure among a thousand still has two pixels.
    const order = data.outcomes.map((_, kind) => kind).sort((a, b) => severity[a] - severity[b]);
    for (let p = 0; p < pixels; p++) {
      if (!dense[p]) continue;
      const tall = Math.max(5, (LANE - 8) * Math.sqrt(dense[p] / most));
      let foot = top + LANE - 4;
      for (const kind of order) {
        const share = each[p * kinds + kind];
        if (!share) continue;
        const high = Math.max(2, tall * share / dense[p]);
        pen.fillStyle = colours[kind];
        pen.fillRect(edge + p, foot - high, 1, high);
        foot -= high;
      }
    }
  }

  function timeline() {
    const list = shown(), width = canvas.clientWidth, height = AXIS + list.length * LANE, scale = devicePixelRatio || 1;
    canvas.style.height = height + "px";
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.font = "12px system-ui, sans-serif";
    axis(width, height);
    list.forEach((job, row) => {
      const top = AXIS + row * LANE, room = left() - 10;
      let name = data.jobs[job].name;
      while (name.length > 1 && pen.measureText(name).width > room) name = name.slice(0, -2) + "…";
      pen.fillStyle = colour("ink");
      pen.textAlign = "left";
      pen.fillText(name, 2, top + LANE - 9);
      lane(job, top, width);
    });
    const inside = list.reduce((sum, job) => { const [begin, end] = inView(job); return sum + end - begin; }, 0);
    const view = el("view");
    view.textContent = `${stamp(state.from)} to ${stamp(state.to)} ${zoneShown()}, ${many(inside)} attempts`;
    view.dataset.attempts = inside;
  }

  function draw() {
    timeline();
    heat();
    notes();
    const named = state.job === null ? "" : `job=${encodeURIComponent(data.jobs[state.job].name)}&`;
    const zone = state.zone === "UTC" ? "" : `tz=${encodeURIComponent(state.zone)}&`;
    const [from, to] = [state.from, state.to].map((t) => new Date(origin + t * 100).toISOString().slice(0, 16)); // in UTC
    history.replaceState(null, "", `#${named}${zone}from=${from}&to=${to}`);
  }
  let asked = 0;
  const redraw = () => { asked ||= requestAnimationFrame(() => { asked = 0; draw(); }); };

  // -- moving about --------------------------------------------------------------------------------------------------
  function show(from, to) {
    const wide = Math.min(whole, Math.max(100, to - from));
    state.from = Math.min(Math.max(0, from), whole - wide);
    state.to = state.from + wide;
    redraw();
  }
  const zoom = (factor, around = (state.from + state.to) / 2) => show(around - (around - state.from) * factor, around + (state.to - around) * factor);
  const move = (share) => show(state.from + share * (state.to - state.from), state.to + share * (state.to - state.from));
  function day(t) {
    const at = clock(), length = DAY * 100, begin = Math.floor(at.local(origin + t * 100) / length) * length;
    show(...[begin, begin + length].map((shown) => (at.instant(shown) - origin) / 100));
  }
  function choose(job) { state.job = job; jobsTable(); totals(); days(); redraw(); }
  function days() {
    el("day").min = stamp(0).slice(0, 10);
    el("day").max = stamp(whole - 1).slice(0, 10);
  }
  function step(by) {
    const next = (state.job === null ? (by > 0 ? -1 : data.jobs.length) : state.job) + by;
    choose(next < 0 || next >= data.jobs.length ? null : next);
  }
  function theme() {
    const root = document.documentElement;
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    redraw();
  }
  const DO = { earlier: () => move(-0.25), later: () => move(0.25), in: () => zoom(0.5), out: () => zoom(2), all: () => show(0, whole) };
  document.querySelectorAll("[data-do]").forEach((button) => { button.onclick = () => DO[button.dataset.do](); });
  el("theme").onclick = theme;
  el("day").onchange = (event) => {
    const local = Date.parse(event.target.value + "T12:00:00Z");
    if (!Number.isNaN(local)) day((clock().instant(local) - origin) / 100);
  };
  el("zone").onchange = (event) => { state.zone = event.target.value; days(); redraw(); };
  const KEYS = {
    ArrowLeft: DO.earlier, ArrowRight: DO.later, "+": DO.in, "=": DO.in, "-": DO.out, "0": DO.all, Home: DO.all,
    Enter: () => day((state.from + state.to) / 2), ArrowUp: () => step(-1), ArrowDown: () => step(1), Escape: () => choose(null), d: theme, D: theme,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, button, select") || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  lanes.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey && lanes.scrollHeight > lanes.clientHeight) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.3 : 0.77, toTime(event.offsetX));
  }, { passive: false });
  let held = null;
  canvas.onpointerdown = (event) => { held = { x: event.offsetX, from: state.from, to: state.to, moved: false }; canvas.setPointerCapture(event.pointerId); };
  canvas.onpointermove = (event) => {
    if (!held) return tip(event);
    const by = (event.offsetX - held.x) / (canvas.clientWidth - left()) * (held.to - held.from);
    held.moved ||= Math.abs(event.offsetX - held.x) > 3;
    if (held.moved) show(held.from - by, held.to - by);
  };
  canvas.onpointerup = () => { held = null; };
  canvas.ondblclick = (event) => day(toTime(event.offsetX));
  canvas.onpointerleave = () => { el("tip").hidden = true; };

  function tip(event) {
    const job = shown()[Math.floor((event.offsetY - AXIS) / LANE)], box = el("tip");
    const near = (state.to - state.from) / canvas.clientWidth * 3, at = toTime(event.offsetX);
    let best = -1;
    if (job !== undefined) {
      const list = ofJob[job];
      for (let k = lower(list, at - near - longest); k < list.length && starts[list[k]] <= at + near; k++) {
        const i = list[k];
        if (starts[i] + took[i] / 100 < at - near) continue;
        if (best < 0 || severity[outcome[i]] >= severity[outcome[best]]) best = i;
      }
    }
    box.hidden = best < 0;
    if (best < 0) return;
    const note = noteAt.get(best);
    box.textContent = `${data.jobs[jobOf[best]].name}\n${stamp(starts[best], true)} ${zoneShown()}, ${span(took[best])}\n${data.outcomes[outcome[best]]}` +
      (number[best] ? `, attempt ${number[best]}` : "") + (note && note[2] ? `\n${note[2]}` : "");
    box.style.left = Math.min(event.offsetX + 12, canvas.clientWidth - 250) + "px";
    box.style.top = event.offsetY + 14 + "px";
  }

  // Options for the zones of the jobs' schedules. A zone that this browser does not know is disabled.
  function zones(wanted) {
    const known = (zone) => { try { return clockIn(zone) !== undefined; } catch { return false; } };
    const found = [...new Set(data.jobs.map((job) => job.zone))].filter((zone) => zone !== "UTC").sort();
    const options = [["UTC", "UTC"], ["own", "the chosen job's zone"], ...found.map((zone) => [zone, zone])];
    el("zone").replaceChildren(...options.map(([value, text]) => {
      const option = make("option", text, { value });
      option.disabled = value !== "own" && !known(value);
      return option;
    }));
    if (options.some(([value]) => value === wanted) && (wanted === "own" || known(wanted))) state.zone = el("zone").value = wanted;
  }

  // -- begin ---------------------------------------------------------------------------------------------------------
  document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const query = new URLSearchParams(location.hash.slice(1));
  const named = data.jobs.findIndex((job) => job.name === query.get("job"));
  if (named >= 0) state.job = named;
  const between = ["from", "to"].map((key) => (Date.parse((query.get(key) ?? "") + "Z") - origin) / 100);
  if (between.every((t) => !Number.isNaN(t)) && between[0] < between[1]) [state.from, state.to] = between;
  zones(query.get("tz"));
  title();
  totals();
  jobsTable();
  days();
  draw();
  addEventListener("resize", redraw);
  document.body.dataset.ready = "true";
})();
