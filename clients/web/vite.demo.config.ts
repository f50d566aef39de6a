import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

// The demo page, which the demo monolith serves at /page/; what is built is not committed.
export default defineConfig({
  root: "demo",
  base: "/page/",
  plugins: [vue()],
  build: {
    outDir: "../../demo_monolith/demo_monolith/page",
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // the page's policy loads images from its own address only
  },
});
