// The conversation. Each client has a thread of their own, and signing out forgets them all:
// an answer about one person must never stand on another person's page.

import { call, Offline, Refused } from "/page/api.js";
import { announce, button, byId, direction, directionOfNote, el, focusWithKeys } from "/page/dom.js";
import {
  clock,
  day,
  fieldLabel,
  inLanguage,
  limitText,
  polarityLabel,
  riskLabel,
  riskUnreadText,
  searchedText,
  spoken,
  t,
  withheldText,
} from "/page/texts.js";

const WHOLE_PRACTICE = "";

let threads = new Map();
let scope = { id: WHOLE_PRACTICE, name: "" };
let ask = { openSource: () => {}, signedOut: () => {} };

export function startChat(callbacks) {
  ask = callbacks;
  byId("composer").addEventListener("submit", sendOrStop);
  for (const node of document.querySelectorAll("[data-mode]")) {
    node.addEventListener("click", () => askQuestion(t(node.dataset.mode), node.dataset.mode));
  }
  byId("question").addEventListener("keydown", sendOnEnter);
  byId("question").addEventListener("input", () => {
    thread().unsent = byId("question").value;
    fitComposer();
  });
}

export function forgetChat() {
  for (const one of threads.values()) one.stop?.abort();
  threads = new Map();
  scope = { id: WHOLE_PRACTICE, name: "" };
  byId("question").value = "";
  byId("turns").replaceChildren();
  announce("");
}

export function showThreadOf(client) {
  scope = client ?? { id: WHOLE_PRACTICE, name: "" };
  byId("question").value = thread().unsent;
  showThread();
  byId("talk").scrollTop = byId("talk").scrollHeight;
}

export function showThread() {
  const { turns } = thread();
  byId("turns").replaceChildren(...(turns.length ? turns.map(turnNode) : [emptyNode()]));
  byId("modes").hidden = !scope.id;
  fitComposer();
}

function thread() {
  if (!threads.has(scope.id)) {
    threads.set(scope.id, { turns: [], conversation: null, stop: null, unsent: "" });
  }
  return threads.get(scope.id);
}

// Asking

function sendOnEnter(event) {
  // While a word is being composed, Enter belongs to the input method.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!thread().stop) byId("composer").requestSubmit();
}

function sendOrStop(event) {
  event.preventDefault();
  const running = thread().stop;
  if (running) return running.abort();
  const query = byId("question").value.trim();
  if (!query) return byId("question").focus();
  byId("question").value = "";
  thread().unsent = "";
  askQuestion(query);
}

function askQuestion(query, mode) {
  if (thread().stop) return;
  const turn = { query, mode, state: "thinking" };
  thread().turns.push(turn);
  answerTurn(thread(), scope.id, turn);
}

async function answerTurn(of, clientId, turn) {
  of.stop = new AbortController();
  turn.state = "thinking";
  turnChanged(of, turn);
  announce(t("thinking"));
  try {
    turn.answer = await answerOf(of, clientId, turn);
    turn.state = "answered";
    of.conversation = turn.answer.conversation_id ?? null;
  } catch (cause) {
    noteFailure(turn, cause);
  }
  of.stop = null;
  turnChanged(of, turn);
  if (isShown(of)) announce(spokenResult(turn));
}

// A conversation may be gone meanwhile: deleted, too old, or none is kept any more. The question still stands.
async function answerOf(of, clientId, turn) {
  const asked = () =>
    call("POST", "/api/v1/ai/agent/chat", {
      body: questionBody(turn, of.conversation, clientId),
      signal: of.stop.signal,
    });
  try {
    return await asked();
  } catch (cause) {
    if (cause.code !== "conversation_not_found") throw cause;
    of.conversation = null;
    turn.isAlone = true;
    return asked();
  }
}

function questionBody({ query, mode }, conversation, clientId) {
  const body = { query };
  if (mode) body.mode = mode;
  if (conversation) body.conversation_id = conversation;
  if (clientId) body.client_id = clientId;
  return body;
}

function noteFailure(turn, cause) {
  if (cause.name === "AbortError") {
    turn.state = "stopped";
    return;
  }
  turn.state = "failed";
  turn.offline = cause instanceof Offline;
  turn.detail = cause instanceof Refused ? cause.message : null;
  turn.retryAt = cause.retryAfter ? Date.now() + cause.retryAfter * 1000 : null;
  if (cause.isSignedOut) ask.signedOut(cause.status === 401 ? cause.message : "");
}

const isShown = (of) => threads.get(scope.id) === of;

function turnChanged(of, turn) {
  if (!isShown(of)) return;
  if (turn.node?.isConnected) turn.node.replaceWith(turnNode(turn));
  else showThread();
  fitComposer();
  turn.node.scrollIntoView({ block: "start", behavior: motion() });
  if (document.activeElement === document.body) focusWithKeys(byId("question"));
}

const motion = () =>
  matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";

function spokenResult(turn) {
  if (turn.state !== "answered") return problemText(turn);
  const { answer, isAlone } = turn;
  const pinned = answer.risk?.length || answer.risk_unread ? t("riskTitle") : null;
  return [pinned, isAlone && t("askedAlone"), `${t("answer")}: ${answer.answer}`, limitOf(answer)].filter(Boolean).join(" ");
}

const problemText = (turn) =>
  turn.state === "stopped" ? t("stopped") : turn.offline ? t("offline") : turn.detail ?? t("failed");

// Drawing

function emptyNode() {
  const name = scope.name;
  return el(
    "section",
    { class: "empty" },
    el("h2", { dir: "auto" }, name ? t("emptyClient", { name }) : t("emptyPractice")),
    el("p", { class: "quiet" }, t("emptyText")),
    el("div", { class: "examples" }, t(name ? "examplesClient" : "examplesPractice").map(exampleNode)),
  );
}

const exampleNode = (text) => button(text, () => askQuestion(text), { class: "example", dir: "auto" });

function turnNode(turn) {
  turn.node = el(
    "article",
    { class: "turn" },
    el(
      "div",
      { class: "question" },
      el("h3", { class: "unseen" }, t("you")),
      el("p", { dir: direction(turn.query) }, turn.query),
    ),
    resultNode(turn),
  );
  return turn.node;
}

function resultNode(turn) {
  if (turn.state === "thinking") return thinkingNode();
  return turn.state === "answered" ? answerNode(turn) : problemNode(turn);
}

const thinkingNode = () =>
  el("p", { class: "thinking" }, t("thinking"), el("span", { class: "dots", "aria-hidden": "true" }));

function problemNode(turn) {
  const again = button(t("retry"), () => retry(turn), { class: "outline" });
  return el(
    "div",
    { class: turn.state === "stopped" ? "problem mild" : "problem" },
    el("p", { dir: "auto" }, problemText(turn)),
    turn.retryAt && countdownNode(turn.retryAt),
    again,
  );
}

function retry(turn) {
  const of = thread();
  if (!of.stop) answerTurn(of, scope.id, turn);
}

function countdownNode(until) {
  const node = el("p", { class: "quiet countdown" });
  const draw = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    node.textContent = left > 0 ? t("retryIn", { time: clock(left) }) : "";
    return left > 0;
  };
  if (draw()) {
    const ticking = setInterval(() => (node.isConnected && draw()) || clearInterval(ticking), 1000);
  }
  return node;
}

function answerNode({ answer, isAlone }) {
  const cards = new Map(
    (answer.citations ?? []).map((citation, place) => [Number(citation.marker ?? place + 1), citation]),
  );
  const node = el("div", { class: `answer ${answer.answer_status ?? "answered"}` });
  const openCard = (marker) => showCard(node, marker);
  node.append(
    el("h3", { class: "unseen" }, t("answer")),
    ...riskNodes(answer.risk ?? [], answer.risk_unread ?? 0),
    ...(isAlone ? [el("p", { class: "notice" }, t("askedAlone"))] : []),
    ...badgeNodes(answer),
    el("div", { class: "answer-text" }, blocks(answer, cards, openCard)),
    ...(cards.size ? [sourcesNode(cards)] : []),
    captionNode(answer),
    ...feedbackNodes(answer),
    ...suggestionNodes(answer),
  );
  return node;
}

// What notes say of danger stands above the answer, whatever was asked; the newest few at once, all on demand.
const RISKS_SHOWN = 3;

function riskNodes(risks, unread) {
  if (!risks.length && !unread) return [];
  const items = risks.map(riskNode);
  const rest = items.slice(RISKS_SHOWN);
  return [
    el(
      "section",
      { class: "risk", "aria-label": t("riskTitle") },
      el("h4", {}, t("riskTitle")),
      el("ul", {}, items.slice(0, RISKS_SHOWN)),
      rest.length > 0 &&
        el("details", {}, el("summary", {}, t("riskMore", { n: rest.length })), el("ul", {}, rest)),
      unread > 0 && el("p", { class: "notice" }, riskUnreadText(unread)),
      el("p", { class: "quiet" }, t("riskHint")),
    ),
  ];
}

function riskNode(risk) {
  const source = { ...risk, type: risk.session_id ? "session" : "client" };
  return el(
    "li",
    {},
    el(
      "div",
      { class: "card-head" },
      el("strong", {}, riskLabel(risk)),
      el("span", {}, polarityLabel(risk)),
      !scope.id && el("span", { dir: "auto" }, risk.client_name ?? ""),
      risk.session_date && el("time", { datetime: risk.session_date }, day(risk.session_date)),
      risk.is_draft && el("span", { class: "badge" }, t("draft")),
    ),
    el("blockquote", { dir: directionOfNote(risk.quote) }, risk.quote),
    button(t(risk.session_id ? "openNote" : "openProfile"), () => ask.openSource(source), { class: "link" }),
  );
}

function badgeNodes(answer) {
  const status = answer.answer_status;
  // What found nothing says itself how far it looked; "partial answer" above "not found" would be no help.
  const nodes = ["partial", "degraded"].includes(status) && answer.citations?.length
    ? [el("span", { class: "badge" }, t(status))]
    : [];
  const limit = limitOf(answer);
  if (limit) nodes.push(el("p", { class: "notice" }, limit));
  if (answer.withheld) nodes.push(el("p", { class: "notice" }, withheldText(answer.withheld)));
  return nodes;
}

// An answer that found nothing says in its own words that the search was limited.
const limitOf = (answer) =>
  answer.degraded?.length && answer.citations?.length ? limitText(answer.degraded) : null;

// Paragraphs, simple lists and the lines of a course; anything else stays the text it is.
function blocks(answer, cards, openCard) {
  const nodes = [];
  let said = null;
  const lines = String(answer.answer ?? "").split("\n").filter((line) => line.trim());
  for (const [place, line] of lines.entries()) {
    const item = /^\s*[-•*]\s+(.*)/.exec(line);
    const point = POINT.exec(line);
    if (point) {
      nodes.push(pointNode(point, answer.language, (text) => withMarkers(text, cards, openCard)));
      continue;
    }
    if (TITLE.test(line) && POINT.test(lines[place + 1] ?? "")) {
      nodes.push(el("h4", { class: "part", dir: direction(line) }, line));
      continue;
    }
    const whose = item ? null : whoseName(line, cards);
    const dir = answer.language === "he" ? directionOfNote(line) : direction(line);
    const content = withMarkers(item ? item[1] : line, cards, openCard);
    if (whose && whose !== said) nodes.push(el("h4", { class: "part", dir: "auto" }, whose));
    said = whose;
    if (!item) nodes.push(el("p", { dir }, content));
    else if (nodes.at(-1)?.tagName === "UL") nodes.at(-1).append(el("li", { dir }, content));
    else nodes.push(el("ul", { dir }, el("li", { dir }, content)));
  }
  return nodes;
}

// "3.3.2026: what was said", or "3.3.2026, whose: what was said".
const POINT = /^(\d{1,2}\.\d{1,2}\.\d{4})(?:, ([^:]*))?: (.*)$/;

// A section's title: no sentence, and the lines of a course follow.
const TITLE = /^[^.?!:[\]]+$/;

// Of the whole practice an answer is about somebody: above lines that quote one client stands who it is.
function whoseName(line, cards) {
  if (scope.id) return null;
  const markers = (line.match(/\[[\d,\s]+\]/g) ?? []).flatMap((part) => part.match(/\d+/g).map(Number));
  const names = new Set(markers.map((marker) => cards.get(marker)?.client_name));
  const [name] = names;
  return names.size === 1 ? (name ?? null) : null;
}

// The days stand in one column on the side where the answer begins, whatever each quote is written in.
function pointNode([, on, name, quote], language, marked) {
  return el(
    "p",
    { class: "point", dir: language === "he" ? "rtl" : "ltr" },
    el("span", { class: "when" }, el("bdi", {}, on), name && el("bdi", {}, name)),
    el("span", { dir: directionOfNote(quote) }, marked(quote)),
  );
}

function withMarkers(text, cards, openCard) {
  return text.split(/(\[\d+(?:\s*,\s*\d+)*\])/).flatMap((part) => {
    const markers = /^\[[\d,\s]+\]$/.test(part) ? part.match(/\d+/g).map(Number) : [];
    const known = markers.length > 0 && markers.every((marker) => cards.has(marker));
    return known ? markers.map((marker) => markerNode(marker, cards.get(marker), openCard)) : [part];
  });
}

// What reads like an order is labelled where it is read, and again at its source.
function markerNode(marker, citation, openCard) {
  const node = button(String(marker), () => openCard(marker), {
    class: "marker",
    "aria-label": t("source", { n: marker }),
  });
  return citation.instruction_like ? [node, el("span", { class: "badge" }, t("instructionLike"))] : node;
}

function showCard(answer, marker) {
  const card = answer.querySelector(`[data-marker="${marker}"]`);
  card.scrollIntoView({ block: "nearest", behavior: motion() });
  card.focus({ preventScroll: true });
}

function sourcesNode(cards) {
  const list = [...cards].map(([marker, citation]) => cardNode(marker, citation));
  return el("section", { class: "sources" }, el("h4", {}, t("sources")), el("ol", {}, list));
}

function cardNode(marker, citation) {
  const ofSession = citation.type === "session";
  const open = button(t(ofSession ? "openNote" : "openProfile"), () => ask.openSource(citation), {
    class: "link",
  });
  return el(
    "li",
    { class: "card", tabindex: "-1", "data-marker": String(marker) },
    el(
      "div",
      { class: "card-head" },
      el("span", { class: "number", "aria-hidden": "true" }, String(marker)),
      el("strong", { dir: "auto" }, citation.client_name ?? ""),
      citation.session_date && el("time", { datetime: citation.session_date }, day(citation.session_date)),
      el("span", {}, fieldLabel(citation.field_name)),
      citation.is_draft && el("span", { class: "badge" }, t("draft")),
      citation.repaired && el("span", { class: "badge" }, t("repaired")),
      citation.instruction_like && el("span", { class: "badge" }, t("instructionLike")),
    ),
    citation.quote && el("blockquote", { dir: directionOfNote(citation.quote) }, citation.quote),
    open,
  );
}

function captionNode(answer) {
  // "Not found in 14 notes" has said what was searched.
  const searched = answer.citations?.length ? searchText(answer.search) : null;
  const parts = [searched, ...(searched ? notSearchedTexts(answer.search) : []), modelText(answer)].filter(Boolean);
  return el("p", { class: "caption" }, parts.map((part) => el("span", {}, part)));
}

// What keeps an answer from being a whole one.
function notSearchedTexts({ other_language: inOther, unsearched_drafts: drafts, complete }) {
  return [
    inOther > 0 && t("inOtherLanguage", { n: inOther }),
    drafts > 0 && t("stillDrafts", { n: drafts }),
    complete === false && t("incomplete"),
  ];
}

function searchText(search) {
  if (!search || search.notes_read == null) return null;
  const n = search.notes_read;
  const total = search.notes_total;
  if (total > n) return t("searchedOf", { n, total });
  const searched = searchedText(n);
  if (!search.from || !search.to) return searched;
  const [from, to] = [day(search.from), day(search.to)];
  return from === to ? `${searched}, ${from}` : t("searchedBetween", { searched, from, to });
}

// The built-in model writes nothing of its own: it picks sentences of the notes.
function modelText({ model, citations }) {
  if (!model || !citations?.length) return null;
  const quotes = model === "none" || model.startsWith("local-");
  return quotes ? t("noModel") : t("model", { name: inLanguage(model) });
}

function suggestionNodes(answer) {
  const texts = (answer.suggestions ?? []).filter((one) => typeof one === "string");
  if (!texts.length) return [];
  return [el("h4", { class: "quiet" }, t("askNext")), el("div", { class: "examples" }, texts.map(exampleNode))];
}

// One word on an answer: up, or down with a reason. A conversation that is not kept has nothing to put it on.
function feedbackNodes(answer) {
  if (!answer.message_id) return [];
  const node = el("div", { class: "feedback" });
  const send = async (rating, reason) => {
    const body = { message_id: answer.message_id, rating, ...(reason && { reason }) };
    try {
      await call("POST", "/api/v1/ai/agent/feedback", { body });
      answer.rating = rating;
      announce(t("thanks"));
    } catch (cause) {
      if (cause.isSignedOut) return ask.signedOut(cause.status === 401 ? cause.message : "");
      return announce(t("notSent"));
    }
    if (rating === "up" || reason) draw();
    else draw(true);
  };
  const thumb = (rating) =>
    button(thumbIcon(), () => send(rating), {
      class: `plain thumb ${rating}`,
      title: t(rating),
      "aria-label": t(rating),
      "aria-pressed": String(answer.rating === rating),
    });
  const draw = (asksWhy = false) => {
    const found = answer.citations?.length > 0;
    const reasons = Object.entries(t("reasons")).filter(([name]) => (found ? IF_FOUND : IF_NOT).includes(name));
    node.replaceChildren(
      thumb("up"),
      thumb("down"),
      ...(answer.rating ? [el("span", { class: "quiet" }, t(asksWhy ? "why" : "thanks"))] : []),
      ...(asksWhy ? reasons.map(([name, label]) => button(label, () => send("down", name), { class: "example" })) : []),
    );
  };
  draw();
  return [node];
}

const IF_FOUND = ["wrong_fact", "wrong_client", "missing", "bad_citation", "unclear", "wrong_language", "other"];
const IF_NOT = ["not_found_but_exists", "unclear", "wrong_language", "other"];

// Drawn, because not every machine has a picture for 👍; the stylesheet turns it around for "down".
function thumbIcon() {
  const [svg, path] = ["svg", "path"].map((name) => document.createElementNS("http://www.w3.org/2000/svg", name));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", "M7 11v9H4v-9zM7 11l4-8c1.7 0 2.6 1.2 2.3 2.8L12.7 9H18a2 2 0 0 1 2 2.4l-1.3 7A2 2 0 0 1 16.7 20H7");
  svg.append(path);
  return svg;
}

// The composer

const COUNT_FROM = 1600;

export function fitComposer() {
  const box = byId("question");
  const running = Boolean(thread().stop);
  box.style.blockSize = "auto";
  box.style.blockSize = `${Math.min(box.scrollHeight, 180)}px`;
  // An empty box follows the page; `dir=auto` alone would call it left to right.
  box.dir = box.value ? "auto" : spoken() === "he" ? "rtl" : "ltr";
  byId("counter").textContent = box.value.length > COUNT_FROM ? `${box.value.length} / ${box.maxLength}` : "";
  byId("send").classList.toggle("running", running);
  byId("send").disabled = !running && !box.value.trim();
  byId("send").setAttribute("aria-label", t(running ? "stop" : "send"));
}
