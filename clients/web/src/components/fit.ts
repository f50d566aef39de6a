import { nextTick, onMounted, onScopeDispose, watch, type Ref } from "vue";

/**
 * Makes a box as tall as its text, up to its largest block size, which is the stylesheet's. Where the stylesheet alone
 * can do that (`field-sizing`), nothing is measured; elsewhere it is whenever the text or the box's room changes.
 */
export function useFit(box: Readonly<Ref<HTMLElement | null>>, text: Ref<string>): void {
  if (globalThis.CSS?.supports?.("field-sizing", "content")) return;
  let asked = 0;
  // In the next frame: a box that is resized while its size is told about would be told about again.
  const watching = new ResizeObserver(() => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(() => fit(box.value));
  });
  onMounted(() => {
    fit(box.value);
    if (box.value) watching.observe(box.value);
  });
  watch(text, () => nextTick(() => fit(box.value)));
  onScopeDispose(() => {
    cancelAnimationFrame(asked);
    watching.disconnect();
  });
}

function fit(box: HTMLElement | null): void {
  if (!box) return;
  box.style.blockSize = "auto";
  box.style.blockSize = `${box.scrollHeight}px`;
}
