// The side sheet: the list of notes, and one note or profile to read, correct, delete and restore.

import { call, Refused } from "/page/api.js";
import { announce, button, byId, cut, directionOfNote, el } from "/page/dom.js";
import { day, fieldLabel, t } from "/page/texts.js";

const SOAP = ["subjective", "objective", "assessment", "plan"];
const PROFILE = ["medical_history", "notes"];
const PAGE = 50;
const LIMIT = 5000;

let context = { clientId: "", nameOf: () => "", signedOut: () => {} };
let turn = 0;

export function startSheet() {
  // A click on the backdrop reaches the dialog itself.
  byId("sheet").addEventListener("click", (event) => {
    if (event.target === byId("sheet")) closeSheet();
  });
  byId("sheet").addEventListener("close", () => byId("sheet").replaceChildren());
}

export function closeSheet() {
  turn += 1; // whatever is still loading is no longer wanted
  byId("sheet").close();
}

export function openNotes(shared) {
  context = shared;
  showList();
}

export function openSource(citation, shared) {
  context = shared;
  const isNote = citation.type === "session";
  const path = isNote ? `/api/v1/sessions/${citation.session_id}` : `/api/v1/clients/${citation.client_id}`;
  load(() => call("GET", path), (row) => showRecord(isNote ? noteKind : profileKind, row, { citation }));
}

// Loading

async function load(fetching, show) {
  const mine = (turn += 1);
  draw(t("loading"), []);
  try {
    const found = await fetching();
    if (mine === turn) show(found);
  } catch (cause) {
    if (mine !== turn) return;
    const why = problem(cause);
    if (!cause.isSignedOut) draw("", [why]);
  }
}

function problem(cause) {
  if (cause.isSignedOut) context.signedOut(cause.status === 401 ? cause.message : "");
  const text = cause instanceof Refused ? cause.message : t("offline");
  return el("p", { class: "notice", role: "alert", dir: "auto" }, text);
}

function draw(title, content, before = null) {
  const sheet = byId("sheet");
  sheet.replaceChildren(
    el(
      "div",
      { class: "sheet-inside" },
      el(
        "header",
        { class: "sheet-head" },
        before,
        el("h2", { id: "sheet-title", dir: "auto" }, title),
        button("×", closeSheet, { class: "plain close", "aria-label": t("close") }),
      ),
      ...content,
    ),
  );
  if (!sheet.open) sheet.showModal();
}

// The list

function listPath(offset) {
  const query = new URLSearchParams({ include_deleted: "true", limit: PAGE, offset });
  if (context.clientId) query.set("client_id", context.clientId);
  return `/api/v1/sessions?${query}`;
}

function showList() {
  load(
    () => call("GET", listPath(0)),
    (page) => {
      const list = el("ul", { class: "notes" }, page.items.map(listItem));
      const content = page.items.length ? [list, moreButton(list, page.total)] : [emptyList()];
      draw(context.clientId ? context.nameOf(context.clientId) : t("notes"), content);
    },
  );
}

const emptyList = () => el("p", { class: "quiet" }, t("noNotes"));

function moreButton(list, total) {
  if (list.children.length >= total) return "";
  const more = button(t("more"), () => addPage(list, more), { class: "outline more" });
  return more;
}

async function addPage(list, more) {
  more.disabled = true;
  try {
    const page = await call("GET", listPath(list.children.length));
    list.append(...page.items.map(listItem));
    more.replaceWith(moreButton(list, page.total));
  } catch (cause) {
    more.replaceWith(problem(cause));
  }
}

function listItem(note) {
  const first = SOAP.map((name) => note[name]).find(Boolean) ?? t("emptyField");
  const open = button("", () => showRecord(noteKind, note, { fromList: true }), { class: "note" });
  open.append(
    el(
      "span",
      { class: "note-head" },
      el("strong", {}, day(note.session_date)),
      !context.clientId && el("span", { dir: "auto" }, context.nameOf(note.client_id)),
      badges(note),
    ),
    el("span", { class: "note-start", dir: directionOfNote(first) }, first),
  );
  return el("li", { class: note.deleted_at ? "gone" : "" }, open);
}

const badges = (note) => [
  note.is_draft && el("span", { class: "badge" }, t("draft")),
  note.deleted_at && el("span", { class: "badge" }, t("deleted")),
];

// One record: a note or a profile

const noteKind = {
  fields: SOAP,
  limit: LIMIT,
  path: (row) => `/api/v1/sessions/${row.id}`,
  title: (row) => context.nameOf(row.client_id) || t("noteTitle"),
  facts: (row) => [
    el("time", { datetime: row.session_date }, day(row.session_date)),
    row.duration_minutes && el("span", {}, t("minutes", { n: row.duration_minutes })),
    badges(row),
  ],
  actions: noteActions,
};

const profileKind = {
  fields: PROFILE,
  limit: null,
  path: (row) => `/api/v1/clients/${row.id}`,
  title: (row) => `${row.first_name} ${row.last_name}`,
  facts: () => [el("span", {}, t("profileTitle"))],
  actions: () => [],
};

function showRecord(kind, row, shown = {}) {
  turn += 1;
  const content = [
    el("p", { class: "facts" }, kind.facts(row)),
    ...kind.fields.map((name) => fieldNode(kind, row, name, shown)),
    el("div", { class: "actions" }, kind.actions(row, shown)),
  ];
  const back = shown.fromList
    ? button("", showList, { class: "plain back", "aria-label": t("back") })
    : null;
  draw(kind.title(row), content, back);
  byId("sheet").querySelector("mark")?.scrollIntoView({ block: "center" });
}

function fieldNode(kind, row, name, shown) {
  const node = el("section", { class: "field" });
  const read = () =>
    node.replaceChildren(
      fieldHead(name, row.deleted_at ? null : edit),
      fieldText(row, name, shown.citation),
    );
  const edit = () => node.replaceChildren(editor(kind, row, name, shown, read));
  read();
  return node;
}

const fieldHead = (name, edit) =>
  el(
    "div",
    { class: "field-head" },
    el("h3", {}, fieldLabel(name)),
    edit && button(t("edit"), edit, { class: "link", "aria-label": t("editField", { field: fieldLabel(name) }) }),
  );

function fieldText(row, name, citation) {
  const text = row[name];
  if (!text) return el("p", { class: "quiet" }, t("emptyField"));
  const whole = (...content) => el("p", { class: "text", dir: directionOfNote(text) }, content);
  if (citation?.field_name !== name || citation.start == null) return whole(text);
  const [before, quoted, after] = cut(text, citation.start, citation.end);
  if (quoted === citation.quote) return whole(before, el("mark", {}, quoted), after);
  return el("div", {}, el("p", { class: "notice" }, t("changed")), whole(text));
}

function editor(kind, row, name, shown, cancel) {
  const box = el("textarea", { rows: 7, dir: "auto", maxlength: kind.limit, "aria-label": fieldLabel(name) });
  box.value = row[name] ?? "";
  const save = button(t("save"), () => keep(), { class: "solid" });
  const keep = () => change(save, "PUT", kind.path(row), { [name]: box.value || null }, (kept) => {
    showRecord(kind, kept, shown);
    announce(t("saved"));
  });
  requestAnimationFrame(() => box.focus());
  return el(
    "div",
    { class: "editor" },
    fieldHead(name, null),
    box,
    el("div", { class: "actions" }, save, button(t("cancel"), cancel, { class: "plain" })),
  );
}

function noteActions(row, shown) {
  const path = noteKind.path(row);
  const show = (kept) => showRecord(noteKind, kept, shown);
  const action = (label, method, to, then, look) => {
    const node = button(label, () => change(node, method, to, undefined, then), { class: look });
    return node;
  };
  if (row.deleted_at) return [action(t("restore"), "POST", `${path}/restore`, show, "solid")];
  const deleted = () => show({ ...row, deleted_at: new Date().toISOString() });
  return [
    row.is_draft && action(t("finalize"), "POST", `${path}/finalize`, show, "outline"),
    action(t("remove"), "DELETE", path, deleted, "plain danger"),
  ];
}

async function change(pressed, method, path, body, then) {
  const mine = turn;
  pressed.disabled = true;
  pressed.parentNode.querySelector(".notice")?.remove();
  try {
    const kept = await call(method, path, { body });
    if (mine === turn) then(kept);
  } catch (cause) {
    pressed.disabled = false;
    pressed.parentNode.append(problem(cause));
  }
}
