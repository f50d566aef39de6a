import { flushPromises, mount } from "@vue/test-utils";
import { afterEach, describe, expect, it, vi } from "vitest";
import { defineComponent, h, ref, useTemplateRef, type Ref } from "vue";
import { useFit } from "../src/components/fit";

afterEach(() => vi.unstubAllGlobals());

/** A browser that may size a box by its text, and tells of a resize when the test says so. */
function aBrowser({ sizesFields }: { sizesFields: boolean }) {
  const browser = { resize: (): void => undefined, isWatching: false };
  vi.stubGlobal("CSS", { supports: () => sizesFields });
  vi.stubGlobal("requestAnimationFrame", (draw: () => void) => (draw(), 1));
  vi.stubGlobal(
    "ResizeObserver",
    class {
      constructor(told: () => void) {
        browser.resize = told;
      }
      observe = (): void => void (browser.isWatching = true);
      disconnect = (): void => void (browser.isWatching = false);
    },
  );
  return browser;
}

function aBox(text: Ref<string>) {
  let tall = 40;
  const box = mount(
    defineComponent({
      setup() {
        const node = useTemplateRef<HTMLElement>("node");
        useFit(node, text);
        return () => h("textarea", { ref: "node" });
      },
    }),
    { attachTo: document.body },
  );
  Object.defineProperty(box.element, "scrollHeight", { get: () => tall });
  const style = (box.element as HTMLElement).style;
  return { box, style, becomes: (height: number) => void (tall = height) };
}

describe("a box as tall as its text", () => {
  it("is measured again when the text or its room changes, until it goes", async () => {
    const browser = aBrowser({ sizesFields: false });
    const text = ref("");
    const { box, style, becomes } = aBox(text);
    text.value = "A question";
    await flushPromises();
    expect(style.blockSize).toBe("40px");
    becomes(80);
    browser.resize();
    expect(style.blockSize).toBe("80px");
    box.unmount();
    expect(browser.isWatching).toBe(false);
  });

  it("is left to the stylesheet where that can do it", async () => {
    aBrowser({ sizesFields: true });
    const text = ref("");
    const { style } = aBox(text);
    text.value = "A question";
    await flushPromises();
    expect(style.blockSize).toBe("");
  });
});
