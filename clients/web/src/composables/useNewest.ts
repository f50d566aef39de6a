// Where the reader is in the conversation. What streams in below never moves what is being read.

import { nextTick, onMounted, onScopeDispose, ref, type Ref } from "vue";
import { motion } from "../components/scrolling";

/** So near to the end that nothing of the newest answer is missed. */
const NEAR_PX = 80;

export interface Newest {
  /** There is more below what is seen. */
  isBelow: Ref<boolean>;
  toNewest(): void;
  /** Brings the last question to the top, so that its answer comes below it. */
  toTurn(): Promise<void>;
}

export function useNewest(talk: Readonly<Ref<HTMLElement | null>>): Newest {
  const isBelow = ref(false);
  let watching: ResizeObserver | undefined;

  function look(): void {
    if (!talk.value) return;
    const { scrollHeight, scrollTop, clientHeight } = talk.value;
    isBelow.value = scrollHeight - scrollTop - clientHeight > NEAR_PX;
  }

  onMounted(() => {
    const node = talk.value;
    if (!node) return;
    node.addEventListener("scroll", look, { passive: true });
    watching = new ResizeObserver(look);
    for (const one of [node, ...node.children]) watching.observe(one);
  });
  onScopeDispose(() => watching?.disconnect());

  return {
    isBelow,
    toNewest() {
      if (talk.value) talk.value.scrollTop = talk.value.scrollHeight;
    },
    async toTurn() {
      await nextTick();
      const last = talk.value?.querySelector<HTMLElement>(".pz-ai-turn:last-child");
      // Only this box scrolls: what contains it is the host's.
      if (last) talk.value?.scrollTo({ top: last.offsetTop, behavior: motion() });
    },
  };
}
