"use strict";
// Texts reach the page as text nodes alone; nothing that a model wrote is markup here.
const token = location.hash.slice(1);
const scales = ["guidance", "refusal", "harm_identification"];
const names = { guidance: "Help", refusal: "Refusal", harm_identification: "Sees the harm" };
const at = (id) => document.getElementById(id);
let person = "";
let ids = [];
let labels = {};
let place = 0;
let active = 0;
let busy = false;

async function ask(path, body) {
  const options = { headers: { "X-Labels-Token": token } };
  if (body !== undefined) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server has ended: start it again in its terminal. What was kept is kept.");
  }
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

function fail(error) {
  at("message").textContent = error.message;
  at("message").hidden = false;
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function show(section, title) {
  for (const id of ["start", "desk", "end"]) at(id).hidden = id !== section;
  at("title").textContent = title;
  at("message").hidden = true;
}

function count() {
  const done = Object.keys(labels).length;
  at("meter").max = ids.length;
  at("meter").value = done;
  at("count").textContent = `${done} of ${ids.length}`;
  at("progress").hidden = false;
}

// ── who ────────────────────────────────────────────────────────────────────

async function start() {
  const state = await ask("/api/state");
  ids = state.ids;
  const list = at("people");
  list.replaceChildren();
  for (const one of state.people) {
    const button = element("button", `${one.name} (${one.done} of ${one.of})`, { type: "button" });
    button.addEventListener("click", () => begin(one.name).catch(fail));
    const item = element("li", null);
    item.append(button);
    list.append(item);
  }
  if (state.people.length === 1) await begin(state.people[0].name);
}

async function begin(name) {
  labels = await ask(`/api/labels?annotator=${encodeURIComponent(name)}`);
  person = name;
  at("who").textContent = `Labelled by ${name}`;
  at("who").hidden = false;
  count();
  await next(0);
}

// ── one reply ──────────────────────────────────────────────────────────────

async function next(from) {
  const open = ids.findIndex((id, number) => number >= from && !(id in labels));
  const first = open >= 0 ? open : ids.findIndex((id) => !(id in labels));
  if (first < 0) await end();
  else await look(first);
}

async function look(number) {
  const id = ids[number];
  const told = await ask(`/api/reply?id=${encodeURIComponent(id)}`);
  place = number;
  show("desk", `${told.domain}: reply ${number + 1} of ${ids.length}`);
  at("asked").replaceChildren(...told.asked.map((turn) => element("p", turn, { dir: "auto" })));
  at("reply").replaceChildren(element("p", told.reply || "(nothing)", { dir: "auto" }));
  at("asked").scrollTop = 0;
  at("reply").scrollTop = 0;
  const kept = labels[id] || {};
  at("scales").replaceChildren(...scales.map((scale) => fieldset(scale, told.scales[scale], kept[scale])));
  at("note").value = kept.note || "";
  at("back").disabled = number === 0;
  at("forth").disabled = number === ids.length - 1;
  activate(0);
  at("title").focus({ preventScroll: true });
  scrollTo(0, 0);
}

function fieldset(scale, told, kept) {
  const made = element("fieldset", null, { "data-scale": scale });
  const optional = scale === "guidance" ? "" : " (may be left out)";
  made.append(element("legend", names[scale] + optional));
  made.append(element("p", told.question));
  told.levels.forEach((meaning, index) => {
    const label = element("label", null);
    const input = element("input", null, { type: "radio", name: scale, value: String(index + 1) });
    input.checked = kept === index + 1;
    input.addEventListener("focus", () => activate(scales.indexOf(scale)));
    label.append(input, element("b", String(index + 1)), element("span", meaning));
    made.append(label);
  });
  return made;
}

function activate(number) {
  active = Math.min(number, scales.length - 1);
  for (const made of document.querySelectorAll("fieldset")) {
    made.classList.toggle("now", made.dataset.scale === scales[active]);
  }
}

function score(value) {
  const scale = scales[active];
  const input = document.querySelector(`input[name="${scale}"][value="${value}"]`);
  input.checked = true;
  at("said").textContent = `${names[scale]}: ${value}`;
  activate(active + 1);
  document.querySelector("fieldset.now").scrollIntoView({ block: "nearest" });
}

async function keep(unsure) {
  const given = { annotator: person, id: ids[place], note: at("note").value };
  for (const scale of scales) {
    const input = document.querySelector(`input[name="${scale}"]:checked`);
    given[scale] = unsure || !input ? null : Number(input.value);
  }
  if (!unsure && given.guidance === null) {
    fail(new Error("Score the help from 1 to 5, or say that you can’t tell."));
    activate(0);
    return;
  }
  await ask("/api/label", given);
  labels[ids[place]] = given;
  count();
  at("said").textContent = unsure ? "Kept: can’t tell" : "Kept";
  await next(place + 1);
}

// ── the end ────────────────────────────────────────────────────────────────

async function end() {
  const told = await ask(`/api/agreement?annotator=${encodeURIComponent(person)}`);
  show("end", "Done");
  const share = (value) => (value === null ? "–" : `${(100 * value).toFixed(1)}%`);
  const table = element("table", null);
  const head = table.createTHead().insertRow();
  for (const title of ["With", "Replies", "Agree on help", "κ", "95% limits"]) {
    head.append(element("th", title, { scope: "col" }));
  }
  const body = table.createTBody();
  for (const row of told) {
    const limits = row.limits ? row.limits.map((one) => one.toFixed(2)).join(" – ") : "–";
    const kappa = row.kappa === null ? "–" : row.kappa.toFixed(2);
    const line = body.insertRow();
    for (const cell of [row.with, row.replies, share(row.agree), kappa, limits]) line.append(element("td", String(cell)));
  }
  const alone = element("p", "Nobody else has labelled all of them yet.");
  at("agreement").replaceChildren(told.length ? table : alone);
  at("title").focus({ preventScroll: true });
}

// ── what is pressed ────────────────────────────────────────────────────────

async function once(act) {
  if (busy) return;
  busy = true;
  try {
    at("message").hidden = true;
    await act();
  } catch (error) {
    fail(error);
  } finally {
    busy = false;
  }
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  once(() => keep(false));
});
at("unsure").addEventListener("click", () => once(() => keep(true)));
at("back").addEventListener("click", () => once(() => look(Math.max(0, place - 1))));
at("forth").addEventListener("click", () => once(() => look(Math.min(ids.length - 1, place + 1))));
at("again").addEventListener("click", () => once(() => look(0)));

document.addEventListener("keydown", (event) => {
  if (at("desk").hidden || !at("hear").checked || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === at("note")) {
    if (event.key === "Escape") at("title").focus();
    return;
  }
  const press = {
    u: () => at("unsure").click(),
    b: () => at("back").click(),
    f: () => at("forth").click(),
    n: () => at("note").focus(),
  };
  if (/^[1-5]$/.test(event.key)) score(event.key);
  else if (event.key === "Enter" && !["BUTTON", "SUMMARY"].includes(event.target.tagName)) once(() => keep(false));
  else if (event.key in press) press[event.key]();
  else return;
  event.preventDefault();
});

start().catch(fail);
