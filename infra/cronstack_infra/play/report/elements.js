"use strict";
// Texts and elements of the page.
const span = (ms) => ms === null ? "–" : ms < 1000 ? `${ms} ms` : ms < 120000 ? `${(ms / 1000).toFixed(1)} s` : `${(ms / 60000).toFixed(1)} min`;
const many = (n) => n.toLocaleString("en-US");
const make = (name, text, attributes = {}) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

// Makes Enter and the space bar click a line.
function byKeyboard(line) {
  line.onkeydown = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    line.click();
  };
}

// Fills a table with columns and lines.
function headed(table, names, lines) {
  const top = make("thead"), head = make("tr"), body = make("tbody");
  head.append(...names.map((name) => make("th", name)));
  top.append(head);
  body.append(...lines);
  table.replaceChildren(top, body);
}
