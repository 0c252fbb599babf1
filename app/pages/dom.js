// Building and filling the page. Everything shown goes through text nodes: markup in data stays text.

/** The element with this id; the page is broken without it. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element #${id}`);
  return found;
}

/** A new element; attribute values `true` and `false` switch, functions listen to the event named by their key. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, String(value));
  }
  made.append(...children.flat().filter((child) => child != null && child !== ""));
  return made;
}

/** A fragment with the tokens as coloured spans; white space and plain names stay bare text. */
export function painted(tokens) {
  const fragment = document.createDocumentFragment();
  for (const token of tokens) {
    const bare = token.kind === "space";
    fragment.append(bare ? token.text : element("span", { class: `t-${token.kind}` }, token.text));
  }
  return fragment;
}

/** A description as paragraphs, with `backticked` words as code. */
export function prose(text) {
  const paragraphs = (text ?? "").split(/\n\s*\n/u).filter((paragraph) => paragraph.trim());
  return paragraphs.map((paragraph) => {
    const parts = paragraph.trim().split(/`([^`]+)`/u);
    return element("p", {}, parts.map((part, at) => (at % 2 ? element("code", {}, part) : part)));
  });
}

/** Makes the tabs of a tab list show their panels: click, arrow keys, Home and End; answers a function that selects one. */
export function tabs(list, onSelect = () => {}) {
  const all = [...list.querySelectorAll('[role="tab"]')];
  const select = (chosen) => {
    for (const tab of all) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      byId(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    }
    onSelect(chosen.id);
  };
  list.addEventListener("click", (event) => {
    const tab = event.target.closest('[role="tab"]');
    if (tab) select(tab);
  });
  list.addEventListener("keydown", (event) => {
    const at = all.indexOf(document.activeElement);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const chosen = all[(to + all.length) % all.length];
    select(chosen);
    chosen.focus();
  });
  return (id) => select(byId(id));
}
