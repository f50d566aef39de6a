// Where the reader is in the conversation. What streams in below never moves what is being read.

import { nextTick, onActivated, onMounted, onScopeDispose, ref, watch, type Ref } from "vue";
import { motion } from "../components/scrolling";
import type { Thread } from "./threads";

/** So near to the end that nothing of the newest answer is missed. */
const NEAR_PX = 80;

export interface Newest {
  /** There is more below what is seen. */
  isBelow: Ref<boolean>;
  toNewest(): void;
  /** Brings the last question to the top, so that its answer comes below it. */
  toTurn(): Promise<void>;
}

/** Each thread comes back where it was left: whoever opened a source goes on reading there. */
export function useNewest(talk: Readonly<Ref<HTMLElement | null>>, thread: Readonly<Ref<Thread>>): Newest {
  const isBelow = ref(false);
  let watching: ResizeObserver | undefined;

  function look(): void {
    if (!talk.value) return;
    const { scrollHeight, scrollTop, clientHeight } = talk.value;
    isBelow.value = scrollHeight - scrollTop - clientHeight > NEAR_PX;
  }

  function keep(): void {
    if (talk.value) thread.value.scroll = talk.value.scrollTop;
    look();
  }

  function comeBack(): void {
    if (!talk.value) return;
    const { scroll, turns } = thread.value;
    // What may be asked first is read from its beginning.
    talk.value.scrollTop = turns.length ? (scroll ?? talk.value.scrollHeight) : 0;
  }

  onMounted(() => {
    const node = talk.value;
    if (!node) return;
    comeBack();
    node.addEventListener("scroll", keep, { passive: true });
    watching = new ResizeObserver(look);
    for (const one of [node, ...node.children]) watching.observe(one);
  });
  // What a host keeps alive loses its place while it is away from the page.
  onActivated(comeBack);
  watch(thread, comeBack, { flush: "post" });
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
