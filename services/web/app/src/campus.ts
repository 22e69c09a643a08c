import type { Clients } from "@pulselearn/campus-hub";
import { createClients } from "@pulselearn/campus-hub";
import { OidcClient } from "@pulselearn/campus-hub/oidc";
import { Live } from "./live.js";

/** What the provider says of the person. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
}

/** The hub as the page sees it: who is logged in, the calls, and the live connection. */
export interface Campus {
  readonly login: OidcClient;
  readonly calls: Clients;
  readonly live: Live;
}

/** Returns the hub that served the page. */
export function campus(): Campus {
  const login = new OidcClient({ issuer: location.origin, clientId: "web", redirectUri: `${location.origin}/` });
  return {
    login,
    calls: createClients(location.origin, { token: login.token }),
    live: new Live(`${location.origin.replace(/^http/, "ws")}/realtime`, login.token),
  };
}

/** Returns who is logged in, or undefined. */
export function personOf(login: OidcClient): Person | undefined {
  const claims = login.claims;
  if (claims === undefined || typeof claims["sub"] !== "string") return undefined;
  const { sub, name, roles } = claims;
  return {
    id: sub,
    name: typeof name === "string" && name !== "" ? name : sub,
    roles: Array.isArray(roles) ? roles.filter((r): r is string => typeof r === "string") : [],
  };
}
