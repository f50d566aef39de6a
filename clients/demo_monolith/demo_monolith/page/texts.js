// Every word of the page, in both languages, and which of them is spoken now.

const WORDS = {
  he: {
    title: "שאלו את התיעוד",
    demoNotice: "הדגמה בלבד: כל האנשים והסיכומים כאן בדויים.",
    signInAs: "כניסה בשם",
    signOut: "יציאה",
    noPeople: "עדיין לא נטענו נתונים. נסו שוב בעוד רגע.",
    otherLanguage: "English",
    askAbout: "על מי שואלים",
    wholePractice: "כל הקליניקה",
    notes: "סיכומים",
    placeholder: "מה תרצו לדעת?",
    checkHint: "התשובות מצטטות את הסיכומים. כדאי לקרוא את המקור.",
    send: "שליחה",
    stop: "עצירה",
    thinking: "קורא את הסיכומים",
    emptyPractice: "שאלה על כל המטופלים",
    emptyClient: "שאלה על {name}",
    emptyText: "התשובה תבוא מתוך הסיכומים בלבד, עם ציטוט לכל טענה.",
    examplesPractice: ["מי חזר לעבוד?", "למי יש כאבי ראש?", "למי יש כאבי גב?"],
    examplesClient: ["על מה דובר בפגישה האחרונה?", "מה תוכנן בפגישה האחרונה?", "באילו פגישות דובר על שינה?"],
    sources: "מקורות",
    source: "מקור {n}",
    openNote: "פתיחת הסיכום",
    openProfile: "פתיחת התיק",
    fields: {
      subjective: "סובייקטיבי",
      objective: "אובייקטיבי",
      assessment: "הערכה",
      plan: "תוכנית",
      medical_history: "רקע רפואי",
      notes: "הערות",
    },
    draft: "טיוטה",
    deleted: "נמחק",
    partial: "תשובה חלקית",
    degraded: "תשובה מוגבלת",
    limits: {
      model: "מודל השפה אינו זמין כרגע, ולכן הסיכומים מצוטטים כלשונם. כדאי לשאול שוב מאוחר יותר.",
      search: "חלק משירות השפה אינו זמין כרגע. החיפוש היה מוגבל, וייתכן שלא נמצא הכול. כדאי לשאול שוב מאוחר יותר.",
      check: "חלק משירות הבדיקה אינו זמין כרגע, ולכן משפטים שלא היה אפשר לאמת לא הוצגו.",
      all: "שירות השפה אינו זמין כרגע. החיפוש היה מוגבל, והסיכומים מצוטטים כלשונם. כדאי לשאול שוב מאוחר יותר.",
      budget: "התקציב היומי של שירות השפה נוצל. החיפוש היה מוגבל, והסיכומים מצוטטים כלשונם. מחר יחזרו תשובות מלאות.",
    },
    searchedOne: "נקרא סיכום אחד",
    searched: "נקראו {n} סיכומים",
    searchedBetween: "{searched}, {from} עד {to}",
    searchedOf: "נקראו {n} סיכומים מתוך {total}",
    inOtherLanguage: "מהם בשפה אחרת, ושם החיפוש מוגבל: {n}",
    stillDrafts: "עדיין בטיוטה, ולא נקראו: {n}",
    incomplete: "ייתכן ששינויים אחרונים חסרים",
    noModel: "ציטוטים כלשונם, ללא מודל",
    model: "מודל: {name}",
    riskTitle: "הסיכומים מזכירים סכנה",
    riskMore: "עוד {n}",
    riskHint: "נמצא לפי מילים, ואינו הערכת סיכון. חשוב לקרוא את הסיכומים עצמם.",
    risks: { suicide: "אובדנות", self_harm: "פגיעה עצמית", abuse: "התעללות", violence: "אלימות" },
    polarities: { present: "נאמר", denied: "נשלל", past: "בעבר", possible: "נשאל או ייתכן" },
    riskUnreadOne: "עוד סיכום אחד שמזכיר סכנה לא נקרא כעת.",
    riskUnreadMany: "עוד {n} סיכומים שמזכירים סכנה לא נקראו כעת.",
    withheldOne: "משפט אחד לא הוצג, כי לא עבר את הבדיקה מול הסיכומים.",
    withheldMany: "{n} משפטים לא הוצגו, כי לא עברו את הבדיקה מול הסיכומים.",
    repaired: "הובא כלשון הסיכום",
    instructionLike: "נכתב כהוראה; מוצג כציטוט בלבד",
    askedAlone: "השיחה הקודמת כבר אינה שמורה, ולכן השאלה נשאלה בפני עצמה.",
    askNext: "אפשר גם לשאול",
    summary: "סיכום התהליך",
    prepare: "הכנה לפגישה הבאה",
    up: "תשובה טובה",
    down: "תשובה לא טובה",
    why: "מה לא היה טוב?",
    thanks: "תודה, נרשם.",
    notSent: "המשוב לא נשלח.",
    reasons: {
      not_found_but_exists: "זה כן כתוב בסיכומים",
      wrong_fact: "פרט שגוי",
      wrong_client: "מטופל לא נכון",
      missing: "חסר משהו",
      bad_citation: "ציטוט לא מתאים",
      unclear: "לא ברור",
      wrong_language: "שפה לא נכונה",
      other: "אחר",
    },
    you: "השאלה",
    answer: "התשובה",
    offline: "אין חיבור. השאלה נשמרה.",
    failed: "משהו השתבש. השאלה נשמרה.",
    invalid: "אי אפשר לקבל את הערך הזה.",
    stopped: "נעצר.",
    retry: "ניסיון נוסף",
    retryIn: "אפשר לנסות שוב בעוד {time}",
    loading: "טוען",
    close: "סגירה",
    back: "חזרה לרשימה",
    noteTitle: "סיכום פגישה",
    profileTitle: "תיק מטופל",
    noNotes: "אין כאן סיכומים.",
    minutes: "{n} דק׳",
    changed: "הטקסט השתנה מאז התשובה, ולכן הציטוט אינו מסומן.",
    emptyField: "ריק",
    edit: "עריכה",
    editField: "עריכה: {field}",
    save: "שמירה",
    cancel: "ביטול",
    remove: "מחיקה",
    restore: "שחזור",
    finalize: "סיום הטיוטה",
    saved: "נשמר",
    more: "עוד סיכומים",
  },
  en: {
    title: "Ask your notes",
    demoNotice: "A demo only: every person and note here is invented.",
    signInAs: "Sign in as",
    signOut: "Sign out",
    noPeople: "No data is loaded yet. Try again in a moment.",
    otherLanguage: "עברית",
    askAbout: "Ask about",
    wholePractice: "Whole practice",
    notes: "Notes",
    placeholder: "What would you like to know?",
    checkHint: "Answers quote your notes. Do read the source.",
    send: "Send",
    stop: "Stop",
    thinking: "Reading the notes",
    emptyPractice: "Ask about all your clients",
    emptyClient: "Ask about {name}",
    emptyText: "Answers come from your notes alone, with a quote for every claim.",
    examplesPractice: ["Who went back to work?", "Who has headaches?", "Who has back pain?"],
    examplesClient: [
      "What did we discuss in the last session?",
      "What was planned in the last session?",
      "In which sessions was sleep mentioned?",
    ],
    sources: "Sources",
    source: "Source {n}",
    openNote: "Open the note",
    openProfile: "Open the profile",
    fields: {
      subjective: "Subjective",
      objective: "Objective",
      assessment: "Assessment",
      plan: "Plan",
      medical_history: "Medical history",
      notes: "Remarks",
    },
    draft: "Draft",
    deleted: "Deleted",
    partial: "Partial answer",
    degraded: "Limited answer",
    limits: {
      model: "The language model is away right now, so your notes are quoted as they stand. Ask again later.",
      search: "Part of the language service is away right now. The search was limited and may have missed something. Ask again later.",
      check: "Part of the checking is away right now, so sentences that could not be confirmed are not shown.",
      all: "The language service is away right now. The search was limited, and your notes are quoted as they stand. Ask again later.",
      budget: "Today's budget for the language service is used up. The search was limited, and your notes are quoted as they stand. Full answers are back tomorrow.",
    },
    searchedOne: "One note read",
    searched: "{n} notes read",
    searchedBetween: "{searched}, {from} to {to}",
    searchedOf: "{n} of {total} notes read",
    inOtherLanguage: "In another language, where the search is limited: {n}",
    stillDrafts: "Still drafts, and not read: {n}",
    incomplete: "Recent changes may be missing",
    noModel: "Quotes as they stand, no model",
    model: "Model: {name}",
    riskTitle: "The notes mention danger",
    riskMore: "{n} more",
    riskHint: "Found by words; this is no risk assessment. Please read the notes themselves.",
    risks: { suicide: "Suicide", self_harm: "Self-harm", abuse: "Abuse", violence: "Violence" },
    polarities: { present: "stated", denied: "denied", past: "in the past", possible: "asked about or possible" },
    riskUnreadOne: "One more note that mentions danger could not be read now.",
    riskUnreadMany: "{n} more notes that mention danger could not be read now.",
    withheldOne: "One sentence is not shown, because it did not pass the check against the notes.",
    withheldMany: "{n} sentences are not shown, because they did not pass the check against the notes.",
    repaired: "In the note's own words",
    instructionLike: "Written like an instruction; shown as a quote only",
    askedAlone: "The conversation before is no longer kept, so this was asked by itself.",
    askNext: "You could also ask",
    summary: "Summary of the course",
    prepare: "Prepare the next session",
    up: "Good answer",
    down: "Bad answer",
    why: "What was wrong?",
    thanks: "Thank you, noted.",
    notSent: "Your feedback was not sent.",
    reasons: {
      not_found_but_exists: "The notes do say it",
      wrong_fact: "A wrong fact",
      wrong_client: "The wrong client",
      missing: "Something is missing",
      bad_citation: "The quote does not fit",
      unclear: "Not clear",
      wrong_language: "The wrong language",
      other: "Something else",
    },
    you: "Question",
    answer: "Answer",
    offline: "No connection. Your question is kept.",
    failed: "Something went wrong. Your question is kept.",
    invalid: "This value cannot be accepted.",
    stopped: "Stopped.",
    retry: "Try again",
    retryIn: "You can try again in {time}",
    loading: "Loading",
    close: "Close",
    back: "Back to the list",
    noteTitle: "Session note",
    profileTitle: "Client profile",
    noNotes: "There are no notes here.",
    minutes: "{n} min",
    changed: "The text has changed since this answer, so the quote is not marked.",
    emptyField: "Empty",
    edit: "Edit",
    editField: "Edit: {field}",
    save: "Save",
    cancel: "Cancel",
    remove: "Delete",
    restore: "Restore",
    finalize: "Finalize",
    saved: "Saved",
    more: "More notes",
  },
};

const LOCALES = { he: "he-IL", en: "en-GB" };
const KEPT_AS = "demo-language";

let language = localStorage.getItem(KEPT_AS) === "en" ? "en" : "he";

export const spoken = () => language;

export function switchLanguage() {
  language = language === "he" ? "en" : "he";
  localStorage.setItem(KEPT_AS, language);
}

export function t(key, values = {}) {
  const found = WORDS[language][key];
  if (typeof found !== "string") return found;
  return found.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export const fieldLabel = (name) => WORDS[language].fields[name] ?? name;
export const riskLabel = ({ kind }) => WORDS[language].risks[kind] ?? kind;
export const polarityLabel = ({ polarity }) => WORDS[language].polarities[polarity] ?? polarity;
export const withheldText = (n) => (n === 1 ? t("withheldOne") : t("withheldMany", { n }));
export const riskUnreadText = (n) => (n === 1 ? t("riskUnreadOne") : t("riskUnreadMany", { n }));
export const searchedText = (n) => (n === 1 ? t("searchedOne") : t("searched", { n }));

// What an answer lacks, as a sentence. `lacks`: embedder, reranker, model, entailment; or budget alone.
export function limitText(lacks) {
  const { limits } = WORDS[language];
  if (lacks.includes("budget")) return limits.budget;
  const searchedLess = lacks.includes("embedder") || lacks.includes("reranker");
  if (lacks.includes("model")) return searchedLess ? limits.all : limits.model;
  return searchedLess ? limits.search : limits.check;
}

// A name may be given in both scripts, "Noa Bar / נועה בר"; the page shows the one it speaks.
export function inLanguage(name) {
  const parts = String(name ?? "").split(" / ");
  const isHebrew = (part) => /[\u0590-\u05ff]/.test(part);
  return parts.find((part) => isHebrew(part) === (language === "he")) ?? parts[0];
}

export function day(moment) {
  // A plain date has no zone: noon keeps it on its own day everywhere.
  const time = new Date(/^\d{4}-\d{2}-\d{2}$/.test(moment) ? `${moment}T12:00` : moment);
  if (Number.isNaN(time.getTime())) return String(moment);
  const shape = { day: "numeric", month: "short", year: "numeric" };
  return new Intl.DateTimeFormat(LOCALES[language], shape).format(time);
}

export function clock(seconds) {
  const rest = String(seconds % 60).padStart(2, "0");
  return `${Math.floor(seconds / 60)}:${rest}`;
}
