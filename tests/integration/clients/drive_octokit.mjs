// octokit, in the three ways in which it is used to get an installation's token:
//
//     node drive_octokit.mjs WAY API_URL APP_ID INSTALLATION_ID PRIVATE_KEY_FILE
//
// strategy      @octokit/auth-app alone, given a request function (actions/create-github-app-token)
// installation  an Octokit that is the installation, and gets a token when it needs one (probot)
// app           an Octokit that is the App, and asks for the installation's token (Backstage)
//
// One attempt for each line of standard input, answered with a line of JSON as the drivers in Python do.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/core";
import { request } from "@octokit/request";

const [way, baseUrl, appId, installation_id, keyFile] = process.argv.slice(2);
const privateKey = readFileSync(keyFile, "utf8");
const silent = { debug() {}, info() {}, warn() {}, error() {} };

function octokit(auth) {
  return new Octokit({ authStrategy: createAppAuth, auth, baseUrl, log: silent });
}

const installation = octokit({ appId, privateKey, installationId: installation_id });

const ways = {
  async strategy() {
    const auth = createAppAuth({ appId, privateKey, request: request.defaults({ baseUrl }) });
    return (await auth({ type: "installation", installationId: installation_id })).token;
  },
  async installation() {
    return (await installation.request("GET /installation/repositories")).status === 200;
  },
  async app() {
    const route = "POST /app/installations/{installation_id}/access_tokens";
    return (await octokit({ appId, privateKey }).request(route, { installation_id })).data.token;
  },
};

for await (const _ of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { token: Boolean(await ways[way]()), status: 201, message: null };
  } catch (error) {
    if (!error.response) throw error;
    answer = { token: false, status: error.status, message: error.response.data.message };
  }
  console.log(JSON.stringify(answer));
}
