import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const sdk = fileURLToPath(new URL("../../../gen/sdk/ts/src", import.meta.url));
const hub = "http://localhost:8080";

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@pulselearn\/campus-hub$/, replacement: `${sdk}/index.ts` },
      { find: /^@pulselearn\/campus-hub\/(.*)$/, replacement: `${sdk}/$1.ts` },
    ],
    dedupe: ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-web"],
  },
  build: { outDir: "../dist", emptyOutDir: true, target: "es2022", modulePreload: { polyfill: false } },
  server: { proxy: { "^/(pl\\.|oauth|realtime|\\.well-known)": { target: hub, ws: true } } },
});
