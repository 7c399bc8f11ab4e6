// Reads {secret, headers, body} from standard input and says whether the signature is good.
const { Webhook } = require("standardwebhooks");

let text = "";
process.stdin.on("data", (chunk) => (text += chunk));
process.stdin.on("end", () => {
  const { secret, headers, body } = JSON.parse(text);
  try {
    const event = new Webhook(secret).verify(body, headers);
    console.log(`good ${event.type}`);
  } catch (error) {
    console.log(`bad ${error.message}`);
  }
});
