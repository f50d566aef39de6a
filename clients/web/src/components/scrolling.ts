/** At once for whoever wants less motion. */
export const motion = (): ScrollBehavior =>
  matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";

/** Focus on a phone would raise the keyboard over what the person wants to read. */
export const hasKeys = (): boolean => matchMedia("(pointer: fine)").matches;
