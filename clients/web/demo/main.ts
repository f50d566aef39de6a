import { createApp } from "vue";
import App from "./App.vue";
import { agent } from "./signIn";
import { i18n } from "./language";
import "./style.css";

createApp(App).use(i18n).use(agent).mount("#app");
