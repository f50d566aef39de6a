import type { Lack } from "../api/types";

export type Limit = "budget" | "all" | "model" | "search" | "check";

/** What an answer lacks, as one sentence says it; null where it lacks nothing. */
export function limitOf(lacks: readonly Lack[]): Limit | null {
  if (!lacks.length) return null;
  if (lacks.includes("budget")) return "budget";
  const searchedLess = lacks.includes("embedder") || lacks.includes("reranker");
  if (lacks.includes("model")) return searchedLess ? "all" : "model";
  return searchedLess ? "search" : "check";
}
