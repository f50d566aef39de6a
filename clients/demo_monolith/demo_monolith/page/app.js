// Starts the page: who is signed in, which client is asked about, and in which language.

import { call, csrfToken } from "/page/api.js";
import { fitComposer, forgetChat, showThread, showThreadOf, startChat } from "/page/chat.js";
import { button, byId, el, focusWithKeys } from "/page/dom.js";
import { closeSheet, openNotes, openSource, startSheet } from "/page/sheet.js";
import { inLanguage, spoken, switchLanguage, t } from "/page/texts.js";

let person = null;
let people = [];
let clients = [];
let problem = "";

const nameOf = (id) => {
  const client = clients.find((one) => one.id === id);
  return client ? `${client.first_name} ${client.last_name}` : "";
};

const shared = () => ({ clientId: byId("scope").value, nameOf, signedOut });

async function start() {
  startSheet();
  startChat({ openSource: (citation) => openSource(citation, shared()), signedOut });
  for (const node of document.querySelectorAll("[data-language]")) node.addEventListener("click", otherLanguage);
  byId("sign-out").addEventListener("click", signOut);
  byId("open-notes").addEventListener("click", () => openNotes(shared()));
  byId("scope").addEventListener("change", chooseScope);
  speak();
  if (!csrfToken()) return showSignIn(""); // nobody has signed in here
  try {
    await enter(await call("GET", "/api/v1/auth/me"));
  } catch (cause) {
    await showSignIn(cause.status === 401 ? "" : cause.message);
  }
}

// Signing in and out

async function showSignIn(why) {
  problem = why;
  try {
    people = await call("GET", "/api/v1/auth/demo-users");
  } catch {
    people = [];
    problem ||= t("failed");
  }
  byId("desk").hidden = true;
  byId("sign-in").hidden = false;
  speak();
}

async function signIn(user) {
  try {
    await enter(await call("POST", "/api/v1/auth/demo-login", { body: { user_id: user.id } }));
  } catch (cause) {
    await showSignIn(cause.message || t("offline"));
  }
}

async function enter(who) {
  clients = (await call("GET", "/api/v1/clients?include_archived=true")).items;
  person = who;
  fillScope();
  byId("sign-in").hidden = true;
  byId("desk").hidden = false;
  speak();
  showThreadOf(null);
  focusWithKeys(byId("question"));
}

async function signOut() {
  const ending = call("POST", "/api/v1/auth/logout").catch(() => null);
  leave();
  await ending;
  await showSignIn("");
}

function signedOut(why) {
  leave();
  showSignIn(why);
}

function leave() {
  if (byId("sheet").open) closeSheet();
  forgetChat();
  byId("scope").replaceChildren();
  person = null;
  clients = [];
}

// Whom to ask about

function fillScope() {
  const active = clients.filter((one) => one.is_active);
  byId("scope").replaceChildren(
    el("option", { value: "" }, t("wholePractice")),
    ...active.map((one) => el("option", { value: one.id }, nameOf(one.id))),
  );
}

function chooseScope() {
  const id = byId("scope").value;
  showThreadOf(id ? { id, name: nameOf(id) } : null);
}

// Language

function otherLanguage() {
  switchLanguage();
  speak();
}

function speak() {
  document.documentElement.lang = spoken();
  document.documentElement.dir = spoken() === "he" ? "rtl" : "ltr";
  document.title = t("title");
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = t(node.dataset.text);
  for (const node of document.querySelectorAll("[data-language]")) {
    node.textContent = t("otherLanguage");
    node.lang = spoken() === "he" ? "en" : "he";
  }
  if (person) speakDesk();
  else speakSignIn();
}

function speakDesk() {
  byId("practice").textContent = inLanguage(person.workspace_name);
  byId("therapist").textContent = inLanguage(person.display_name);
  byId("question").placeholder = t("placeholder");
  byId("scope").options[0].textContent = t("wholePractice");
  showThread();
  fitComposer();
}

function speakSignIn() {
  byId("sign-in-problem").textContent = problem;
  byId("sign-in-problem").hidden = !problem;
  byId("people").replaceChildren(...(people.length ? people.map(personNode) : [noPeople()]));
}

const noPeople = () => el("p", { class: "quiet" }, t("noPeople"));

function personNode(user) {
  const node = button("", () => signIn(user), { class: "person" });
  node.append(
    el("strong", { dir: "auto" }, inLanguage(user.display_name)),
    el("span", { class: "quiet", dir: "auto" }, inLanguage(user.workspace_name)),
  );
  return node;
}

start();
