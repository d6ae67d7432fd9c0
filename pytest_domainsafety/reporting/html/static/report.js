"use strict";
// Text from the data goes into the page as text nodes only, never as markup.

function byId(id) {
  return document.getElementById(id);
}

function make(name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// ── light and dark ─────────────────────────────────────────────────────────

(function theme() {
  const button = byId("theme");
  const choices = ["auto", "light", "dark"];
  let chosen = "auto";
  try {
    chosen = localStorage.getItem("domainsafety-theme") || "auto";
  } catch (error) {
    // A page opened from a file may have no storage; the choice then lasts as
    // long as the page.
  }
  function show() {
    if (!choices.includes(chosen)) chosen = "auto";
    if (chosen === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    button.querySelector("span").textContent = chosen;
  }
  button.addEventListener("click", () => {
    chosen = choices[(choices.indexOf(chosen) + 1) % choices.length];
    try {
      localStorage.setItem("domainsafety-theme", chosen);
    } catch (error) {
      // As above.
    }
    show();
  });
  button.hidden = false;
  show();
})();

// ── where the reader is ────────────────────────────────────────────────────

(function place() {
  const links = new Map();
  for (const link of document.querySelectorAll(".columns > nav a")) {
    links.set(link.hash.slice(1), link);
  }
  if (!("IntersectionObserver" in window)) return;
  const seen = new Set();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) seen.add(entry.target.id);
        else seen.delete(entry.target.id);
      }
      let here = null;
      for (const id of links.keys()) {
        if (here === null && seen.has(id)) here = id;
      }
      for (const [id, link] of links) {
        link.classList.toggle("here", id === here);
        if (id === here) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    },
    { rootMargin: "-15% 0px -70% 0px" },
  );
  for (const section of document.querySelectorAll("main > section")) {
    observer.observe(section);
  }
})();

// ── numbers on hover ───────────────────────────────────────────────────────

(function hover() {
  const tip = byId("tip");
  for (const title of document.querySelectorAll("svg.chart title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }
  for (const cell of document.querySelectorAll(".heat td[title]")) {
    cell.dataset.tip = cell.title;
    cell.removeAttribute("title");
  }
  let left = 0;
  let top = 0;
  function show(target) {
    const mark = target instanceof Element ? target.closest("[data-tip]") : null;
    tip.hidden = mark === null;
    if (mark === null) return;
    tip.textContent = mark.dataset.tip;
    const box = tip.getBoundingClientRect();
    const right = Math.max(8, window.innerWidth - box.width - 8);
    const below = top + 18;
    const fits = below + box.height < window.innerHeight;
    tip.style.left = `${Math.min(left + 12, right)}px`;
    tip.style.top = `${fits ? below : top - box.height - 12}px`;
  }
  document.addEventListener("pointermove", (event) => {
    left = event.clientX;
    top = event.clientY;
    show(event.target);
  });
  // The page moves under a pointer that stands still.
  document.addEventListener("scroll", () => {
    if (!tip.hidden) show(document.elementFromPoint(left, top));
  }, { passive: true });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hidden = true;
  });
})();

// ── the scenario list ──────────────────────────────────────────────────────

const SIGNS = {
  refused: "●", mixed: "▲", complied: "▲", hypocritical: "▲", unscored: "◆",
};
const SCENARIO = 0, MODEL = 1, DOMAIN = 2, SUBDOMAIN = 3, TAGS = 4, WORD = 5;
const COMPLIED = 6, SCORED = 7, EXPECTED = 8, HARM = 9, REFUSAL = 10, GUIDANCE = 11;
const FLIP = 12;

function spoken(name) {
  return name.replaceAll("_", " ");
}

(function list() {
  const block = byId("data");
  if (block === null) return;
  const data = JSON.parse(block.textContent);
  const textBlock = byId("texts");
  let texts = null;
  const rows = data.rows;
  const tagText = data.tags.map((name) => name.toLowerCase());
  const subText = data.subdomains.map((name) => spoken(name).toLowerCase());
  const body = document.querySelector("#rows tbody");
  const filters = document.querySelector(".filters");
  let found = rows;
  let page = 0;
  let sorting = { key: "complied", down: true };

  function fill(id, names, say) {
    names.forEach((name, place) => {
      const option = make("option", "", say(name));
      option.value = String(place);
      byId(id).append(option);
    });
  }
  fill("by-model", data.models, (name) => name);
  fill("by-domain", data.domains, spoken);
  fill("by-word", data.words, (name) => name);
  fill("by-tag", data.tags, (name) => name);

  function share(row) {
    return row[SCORED] ? row[COMPLIED] / row[SCORED] : null;
  }
  const ORDER = {
    scenario: (row) => row[SCENARIO],
    model: (row) => data.models[row[MODEL]],
    domain: (row) => data.domains[row[DOMAIN]],
    subdomain: (row) => data.subdomains[row[SUBDOMAIN]],
    word: (row) => row[WORD],
    complied: share,
    harm: (row) => row[HARM],
    refusal: (row) => row[REFUSAL],
    guidance: (row) => row[GUIDANCE],
  };

  function compare(first, second) {
    if (first === second) return 0;
    if (first === null) return 1;
    if (second === null) return -1;
    return first < second ? -1 : 1;
  }

  function chosen(id) {
    const value = byId(id).value;
    return value === "" ? null : Number(value);
  }

  function search() {
    const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const model = chosen("by-model"), domain = chosen("by-domain");
    const word = chosen("by-word"), tag = chosen("by-tag"), flip = chosen("by-flip");
    found = rows.filter((row) => {
      if (model !== null && row[MODEL] !== model) return false;
      if (domain !== null && row[DOMAIN] !== domain) return false;
      if (word !== null && row[WORD] !== word) return false;
      if (tag !== null && !row[TAGS].includes(tag)) return false;
      if (flip !== null && row[FLIP] !== flip) return false;
      if (words.length === 0) return true;
      const name = row[SCENARIO].toLowerCase();
      return words.every((one) =>
        name.includes(one) || subText[row[SUBDOMAIN]].includes(one) ||
        row[TAGS].some((place) => tagText[place].includes(one)));
    });
    const value = ORDER[sorting.key];
    const sign = sorting.down ? -1 : 1;
    found = found.map((row) => [value(row), row]);
    found.sort(([first], [second]) => {
      // What is unknown stays at the end, whichever way the column is sorted.
      if (first === null || second === null) return compare(first, second);
      return sign * compare(first, second);
    });
    found = found.map(([, row]) => row);
    page = 0;
    show();
  }

  function size() {
    return Number(byId("size").value);
  }

  function show() {
    const most = Math.max(1, Math.ceil(found.length / size()));
    page = Math.min(Math.max(0, page), most - 1);
    const some = found.slice(page * size(), (page + 1) * size());
    body.replaceChildren(...some.flatMap(draw));
    byId("page").textContent = `Page ${page + 1} of ${most.toLocaleString("en")}`;
    const all = rows.length.toLocaleString("en");
    byId("found").textContent =
      `${found.length.toLocaleString("en")} of ${all} scenario pairs`;
    for (const id of ["first", "previous"]) byId(id).disabled = page === 0;
    for (const id of ["next", "last"]) byId(id).disabled = page === most - 1;
  }

  function score(value) {
    return value === null ? "–" : value.toFixed(2);
  }

  function cell(className, text, label) {
    const made = make("td", className, text);
    // Shown beside the value where a phone has no room for columns.
    made.dataset.label = label;
    made.setAttribute("role", "cell");
    return made;
  }

  function draw(row) {
    const line = make("tr");
    line.setAttribute("role", "row");
    const head = make("th", "", row[SCENARIO]);
    head.scope = "row";
    head.setAttribute("role", "rowheader");
    const word = data.words[row[WORD]];
    const outcome = make("td", `outcome ${word}`, `${SIGNS[word]} ${word}`);
    if (row[FLIP] !== 0) {
      const said = row[FLIP] > 0 ? "refused before" : "complied before";
      outcome.append(make("span", "flip", said));
    }
    const missing = row[EXPECTED] - row[SCORED];
    const counted = `${row[COMPLIED]} / ${row[SCORED]}`;
    outcome.setAttribute("role", "cell");
    const tags = cell("wide", "", "Tags");
    for (const place of row[TAGS]) tags.append(make("span", "tag", data.tags[place]));
    line.append(
      head,
      outcome,
      cell("n", missing ? `${counted} (${missing} missing)` : counted, "Complied"),
      cell("", data.models[row[MODEL]], "Model"),
      cell("", spoken(data.domains[row[DOMAIN]]), "Domain"),
      cell("", spoken(data.subdomains[row[SUBDOMAIN]]), "Sub-domain"),
      cell("n", score(row[HARM]), "Sees harm"),
      cell("n", score(row[REFUSAL]), "Refusal"),
      cell("n", score(row[GUIDANCE]), "Guidance"),
      tags,
    );
    const said = textBlock === null ? null : drawTexts(row);
    return said === null ? [line] : [line, said];
  }

  function drawTexts(row) {
    if (texts === null) texts = new Map(Object.entries(JSON.parse(textBlock.textContent)));
    const key = [data.models[row[MODEL]], data.domains[row[DOMAIN]], row[SCENARIO]];
    const some = texts.get(key.join("\n"));
    if (some === undefined) return null;
    const line = make("tr");
    const whole = make("td");
    line.setAttribute("role", "row");
    whole.setAttribute("role", "cell");
    whole.colSpan = 10;
    const fold = make("details", "texts");
    fold.append(make("summary", "", `Prompts and replies (${some.length}): may be harmful`));
    fold.addEventListener("toggle", () => {
      if (fold.open && fold.childElementCount === 1) fold.append(...some.flatMap(drawOne));
    });
    whole.append(fold);
    line.append(whole);
    return line;
  }

  function drawOne([framing, variant, replication, prompt, replies, scores]) {
    const about = [framing, variant === "base" ? "" : variant, `replication ${replication}`];
    const names = ["sees harm", "refusal", "guidance"];
    names.forEach((name, place) => {
      if (scores[place] !== null) about.push(`${name} ${scores[place]}`);
    });
    const parts = [make("h3", "", about.filter(Boolean).join(", "))];
    prompt.forEach((turn, place) => {
      parts.push(make("pre", "asked", turn));
      const reply = replies[place];
      parts.push(make("pre", "", reply ? reply : "(no reply)"));
    });
    return parts;
  }

  for (const button of document.querySelectorAll("#rows thead button")) {
    button.addEventListener("click", () => {
      const key = button.dataset.sort;
      sorting = { key, down: sorting.key === key && !sorting.down };
      for (const other of document.querySelectorAll("#rows thead button")) {
        const mine = other === button;
        const way = sorting.down ? "descending" : "ascending";
        other.parentNode.setAttribute("aria-sort", mine ? way : "none");
      }
      search();
    });
  }
  filters.addEventListener("input", search);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", () => setTimeout(search));
  byId("size").addEventListener("input", () => { page = 0; show(); });
  byId("first").addEventListener("click", () => { page = 0; show(); });
  byId("previous").addEventListener("click", () => { page -= 1; show(); });
  byId("next").addEventListener("click", () => { page += 1; show(); });
  byId("last").addEventListener("click", () => { page = Infinity; show(); });
  byId("list").hidden = false;
  byId("unscripted").hidden = true;
  search();
})();
