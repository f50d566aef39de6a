import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

// The library: Vue and vue-i18n are the host's own.
export default defineConfig({
  plugins: [vue()],
  build: {
    lib: { entry: "src/index.ts", formats: ["es"], fileName: "index", cssFileName: "style" },
    rolldownOptions: { external: ["vue", "vue-i18n", "markdown-it", "openapi-fetch", /^eventsource-parser/] },
  },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
});
