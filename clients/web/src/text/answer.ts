// What an answer's text is made of: paragraphs, lists, the lines of a course, **strong** words, markers. Nothing else
// is markup, because each line may be a note's own words and a quote must keep its characters.

import MarkdownIt from "markdown-it";
import type { ShownCitation } from "../composables/threads";
import { directionOf, directionOfNote } from "./direction";

export type Direction = ReturnType<typeof directionOf>;

export type Piece =
  | { kind: "text"; text: string }
  /** A date, a number or an address: it keeps its own order of characters within words of the other direction. */
  | { kind: "isolated"; text: string }
  | { kind: "strong"; pieces: Piece[] }
  | { kind: "marker"; text: string; markers: number[] };

export interface Item {
  dir: Direction;
  /** "3." as it was written; empty where the stylesheet draws the bullet. */
  lead: string;
  said: string;
  pieces: Piece[];
}

export type Block =
  | { kind: "title"; dir: Direction; text: string }
  /** Whom the lines below are about, where an answer is about many. */
  | { kind: "whose"; name: string }
  /** A line of a course: "3.3.2026: what was said", or "3.3.2026, whose: what was said". */
  | { kind: "point"; dir: "rtl" | "ltr"; on: string; name: string; quoteDir: Direction; pieces: Piece[] }
  /** `said`: the one session day that its words are of; empty where they are of several or of none. */
  | { kind: "paragraph"; dir: Direction; said: string; pieces: Piece[] }
  | { kind: "list"; isOrdered: boolean; items: Item[] };

export interface AnswerContext {
  language: "he" | "en";
  citations: readonly ShownCitation[];
  /** An answer about many says above its lines whom they quote. */
  wholePractice: boolean;
}

type Cards = ReadonlyMap<number, ShownCitation>;

const POINT = /^(\d{1,2}\.\d{1,2}\.\d{4})(?:, ([^:]*))?: (.*)$/;
/** A section's title is no sentence, and the lines of a course follow it. */
const TITLE = /^[^.?!:[\]]+$/;
const BULLET = /^\s*([-•*])\s+(\S.*)$/;
const NUMBERED = /^\s*(\d{1,2}[.)]\s+)(\S.*)$/;
const MARKERS = /\[\d+(?:\s*,\s*\d+)*\]/g;
/** An address; or a number with its sign, date or time, unless the hyphen before it belongs to a word. */
const ISOLATED =
  /https?:\/\/\S+|www\.\S+|(?<![\p{L}\p{N}])[-+−]\d+(?:[.,:/]\d+)*%?|(?<!\d)\d+(?:[.,:/–-]\d+)+%?/gu;

const markdown = new MarkdownIt("zero").enable("emphasis");

/** The blocks of an answer, in their order. */
export function blocksOf(answer: string, context: AnswerContext): Block[] {
  const cards: Cards = new Map(context.citations.map((one) => [one.marker, one]));
  const lines = answer.split("\n").filter((line) => line.trim());
  const blocks: Block[] = [];
  let said = "";
  for (const [place, line] of lines.entries()) {
    const block = blockOf(line, lines[place + 1] ?? "", context, cards);
    const name = nameAbove(block, line, context, cards);
    if (name && name !== said) blocks.push({ kind: "whose", name });
    said = name;
    append(blocks, block);
  }
  return blocks;
}

/** The answer's words as text for elsewhere: no markup. */
export function plainText(answer: string, context: AnswerContext): string {
  return blocksOf(answer, context).map(plainBlock).join("\n");
}

function plainBlock(block: Block): string {
  if (block.kind === "title") return block.text;
  if (block.kind === "whose") return `${block.name}:`;
  if (block.kind === "list")
    return block.items.map((item) => `${item.lead || "- "}${plain(item.pieces)}`).join("\n");
  if (block.kind === "paragraph") return plain(block.pieces);
  return `${block.on}${block.name && `, ${block.name}`}: ${plain(block.pieces)}`;
}

function plain(pieces: readonly Piece[]): string {
  return pieces.map((piece) => (piece.kind === "strong" ? plain(piece.pieces) : piece.text)).join("");
}

function append(blocks: Block[], block: Block): void {
  const last = blocks.at(-1);
  const goesOn = block.kind === "list" && last?.kind === "list" && last.isOrdered === block.isOrdered;
  if (goesOn) last.items.push(...block.items);
  else blocks.push(block);
}

function blockOf(line: string, next: string, context: AnswerContext, cards: Cards): Block {
  const point = POINT.exec(line);
  if (point) return pointBlock(point, context, cards);
  if (TITLE.test(line) && POINT.test(next)) return { kind: "title", dir: directionOf(line), text: line };
  const dir = context.language === "he" ? directionOfNote(line) : directionOf(line);
  const item = itemOf(line, dir, cards);
  if (item) return { kind: "list", isOrdered: item.lead !== "", items: [item] };
  return { kind: "paragraph", dir, said: dayOf(line, cards), pieces: piecesOf(line, cards) };
}

/** "He is back at work since yesterday" says nothing without its day. */
function dayOf(line: string, cards: Cards): string {
  const days = new Set(cardsOf(line, cards).map((card) => card?.session_date ?? ""));
  const [day = ""] = days;
  return days.size === 1 ? day : "";
}

/** The days stand in one column on the side where the answer begins, whatever each quote is written in. */
function pointBlock([, on, name, quote]: RegExpExecArray, { language }: AnswerContext, cards: Cards): Block {
  const said = quote ?? "";
  return {
    kind: "point",
    dir: language === "he" ? "rtl" : "ltr",
    on: on ?? "",
    name: name ?? "",
    quoteDir: directionOfNote(said),
    pieces: piecesOf(said, cards),
  };
}

function itemOf(line: string, dir: Direction, cards: Cards): Item | null {
  const numbered = NUMBERED.exec(line);
  const said = dayOf(line, cards);
  if (numbered) return { dir, lead: numbered[1] ?? "", said, pieces: piecesOf(numbered[2] ?? "", cards) };
  const bullet = BULLET.exec(line);
  // A dash with which the quoted note begins may be its minus.
  if (!bullet || quotesOf(line, cards).some((quote) => quote.trimStart().startsWith(bullet[1] ?? "")))
    return null;
  return { dir, lead: "", said, pieces: piecesOf(bullet[2] ?? "", cards) };
}

function nameAbove(block: Block, line: string, context: AnswerContext, cards: Cards): string {
  if (!context.wholePractice || block.kind !== "paragraph") return "";
  const names = new Set(cardsOf(line, cards).map((card) => card?.client_name ?? ""));
  const [name = ""] = names;
  return names.size === 1 ? name : "";
}

const numbersIn = (text: string): number[] => (text.match(/\d+/g) ?? []).map(Number);

function cardsOf(line: string, cards: Cards): (ShownCitation | undefined)[] {
  return (line.match(MARKERS) ?? []).flatMap(numbersIn).map((marker) => cards.get(marker));
}

const quotesOf = (line: string, cards: Cards): string[] =>
  cardsOf(line, cards).map((card) => card?.quote ?? "");

/** Stars that the quoted note has itself are its own, and stay. */
function piecesOf(text: string, cards: Cards): Piece[] {
  if (!text.includes("**") || quotesOf(text, cards).some((quote) => quote.includes("**")))
    return split(text, cards);
  const [inline] = markdown.parseInline(text, {});
  return strongIn(inline?.children ?? [], cards);
}

type Token = ReturnType<typeof markdown.parseInline>[number];

function strongIn(tokens: readonly Token[], cards: Cards): Piece[] {
  const pieces: Piece[] = [];
  let depth = 0;
  let said = "";
  const flush = (isStrong: boolean): void => {
    const found = split(said, cards);
    pieces.push(...(isStrong ? [{ kind: "strong" as const, pieces: found }] : found));
    said = "";
  };
  for (const token of tokens) {
    if (token.markup !== "**") said += token.content || token.markup;
    else if (token.nesting === 1) {
      if (depth === 0) flush(false);
      depth += 1;
    } else {
      depth -= 1;
      if (depth === 0) flush(true);
    }
  }
  flush(false);
  return pieces;
}

function split(text: string, cards: Cards): Piece[] {
  return cutAt(text, MARKERS, (found) => markerPiece(found, cards)).flatMap((piece) =>
    piece.kind === "text"
      ? cutAt(piece.text, ISOLATED, (found) => ({ kind: "isolated", text: found }))
      : [piece],
  );
}

/** Brackets with a number that is no citation's are the text they are. */
function markerPiece(text: string, cards: Cards): Piece {
  const markers = numbersIn(text);
  return markers.every((marker) => cards.has(marker))
    ? { kind: "marker", text, markers }
    : { kind: "text", text };
}

function cutAt(text: string, pattern: RegExp, made: (found: string) => Piece): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(pattern)) {
    if (index > from) pieces.push({ kind: "text", text: text.slice(from, index) });
    pieces.push(made(found));
    from = index + found.length;
  }
  if (from < text.length) pieces.push({ kind: "text", text: text.slice(from) });
  return pieces;
}
