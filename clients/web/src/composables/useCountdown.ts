import { computed, onScopeDispose, ref, watch, type ComputedRef } from "vue";

/** Seconds left until a moment (milliseconds since the epoch), 0 from then on; it ticks only while there are any. */
export function useCountdown(until: () => number | null): ComputedRef<number> {
  const now = ref(Date.now());
  let ticking: ReturnType<typeof setInterval> | undefined;
  const left = computed(() => Math.max(0, Math.ceil(((until() ?? 0) - now.value) / 1000)));

  function tick(): void {
    now.value = Date.now();
    if (left.value === 0) clearInterval(ticking);
  }

  watch(
    until,
    () => {
      clearInterval(ticking);
      tick();
      if (left.value > 0) ticking = setInterval(tick, 1000);
    },
    { immediate: true },
  );
  onScopeDispose(() => clearInterval(ticking));
  return left;
}
