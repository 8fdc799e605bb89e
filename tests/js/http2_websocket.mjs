/*
 * A WebSocket over HTTP/2 (RFC 8441), as browsers open it if the server offers it.
 *
 *     node http2_websocket.mjs URL
 *
 * On stdout a JSON object: whether it is "offered"; if so, the "status" of the answer, and
 * the "first" message. NODE_EXTRA_CA_CERTS names the file of a certificate to trust.
 */

import { connect } from "node:http2";

const url = new URL(process.argv[2]);
const session = connect(url);
const answer = {};

function end() {
  console.log(JSON.stringify(answer));
  session.destroy();
}

session.on("remoteSettings", ({ enableConnectProtocol }) => {
  answer.offered = enableConnectProtocol;
  if (!answer.offered) return end();
  const stream = session.request({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":scheme": "https",
    ":authority": url.host,
    ":path": "/socket.io/?EIO=4&transport=websocket",
    "sec-websocket-version": "13",
  });
  stream.on("response", (headers) => (answer.status = headers[":status"]));
  stream.on("data", (frame) => {
    answer.first = frame.subarray(2).toString(); // behind the head of a short frame
    end();
  });
});
