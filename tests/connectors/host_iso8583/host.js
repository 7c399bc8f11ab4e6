'use strict';
// An acquirer for tests, whose messages are packed and unpacked by the npm package iso_8583 and by nothing of Recoup's.
// It prints {"port"} on its first line, then one line of state for every line it reads. What it does is chosen by the
// last two digits of the amount:
//   51: declined, with advice 30      05: declined, and never to be tried again      54: declined, expired
//   68: carried out, but no answer    69: lost on the way in; the line "deliver" brings it after all
//   20: answered only when ten of them are there, the last one first
const net = require('net');
const readline = require('readline');
const Iso = require('iso_8583');

const ACCESS_KEY = process.argv[2] || '';
const state = { connections: 0, network: [], heard: [], invalid: [], charges: {}, changes: {}, refused: [] };
const reversed = new Set();
const lost = [];
const held = [];

// Field 48: two digits of name, two of length, the value.
function tags(text) {
  const found = {};
  for (let at = 0; text && at < text.length; ) {
    const end = at + 4 + Number(text.slice(at + 2, at + 4));
    found[text.slice(at, at + 2)] = text.slice(at + 4, end);
    at = end;
  }
  return found;
}

function answer(message, code, extra) {
  const said = {};
  for (const field of ['3', '4', '7', '11', '12', '13', '32', '37', '41', '42', '49', '70', '90', '95']) {
    if (message[field]) said[field] = message[field];
  }
  const key = tags(message[48])['01'];
  const advice = extra && extra.advice ? '8402' + extra.advice : '';
  if (key) said[48] = '01' + String(key.length).padStart(2, '0') + key + advice;
  const fields = Object.assign({}, extra);
  delete fields.advice;
  const type = message[0].slice(0, 2) + (Number(message[0][2]) + 1) + '0';
  return Object.assign({ 0: type, 39: code }, said, fields);
}

function send(socket, message) {
  const packed = new Iso(message).getBufferMessage();
  if (packed.error) throw new Error(packed.error);
  socket.write(packed);
}

// What a message is known by: reference number, trace number, time.
const nameOf = message => [message[37], message[11], message[7]].join('/');
const originalOf = message => [message[37], message[90].slice(4, 10), message[90].slice(10, 20)].join('/');
const chargeOf = message => {
  const rrn = tags(message[48])['03'] || message[37];
  return state.charges[[rrn, message[90].slice(4, 10), message[90].slice(10, 20)].join('/')];
};

function charge(message) {
  const name = nameOf(message);
  if (reversed.has(name)) {
    state.refused.push(name);
    return answer(message, '21');
  }
  if (state.charges[name]) return answer(message, '94');
  const amount = Number(message[4]);
  const ending = message[4].slice(-2);
  if (ending === '51') return answer(message, '51', { advice: '30' });
  if (ending === '05') return answer(message, '05', { advice: '03' });
  if (ending === '54') return answer(message, '54');
  if (message[25] === '51') return answer(message, '85', { 44: 'YM', 63: '481516234200001' });
  const private_ = tags(message[48]);
  state.charges[name] = {
    key: private_['01'],
    amount,
    taken: message[0] === '0200' ? amount : 0,
    refunded: 0,
    open: message[0] === '0100',
    reversed: false,
    entry: message[22],
    since: message[63] || null,
  };
  return answer(message, '00', {
    38: message[11],
    44: (private_['11'] ? 'Y' : 'U') + (private_['92'] === '737' ? 'M' : 'N'),
    63: '4815162342' + message[11],
  });
}

function change(message) {
  const found = chargeOf(message);
  const amount = Number(message[4]);
  const undone = reversed.has(nameOf(message));
  if (undone) return answer(message, '21');
  if (state.changes[nameOf(message)]) return answer(message, '94');
  if (!found || found.reversed || found.key !== tags(message[48])['02']) return answer(message, '25');
  if (message[0] === '0400') {
    const stays = message[95] ? Number(message[95].slice(0, 12)) : 0;
    if (stays < found.taken) return answer(message, '64');
    found.open = false;
    found.reversed = stays === 0;
  } else if (message[0] === '0220') {
    if (!found.open || found.taken + amount > found.amount) return answer(message, '13');
    found.taken += amount;
    found.open = tags(message[48])['04'] !== 'F';
  } else {
    if (found.refunded + amount > found.taken) return answer(message, '13');
    found.refunded += amount;
  }
  state.changes[nameOf(message)] = { key: tags(message[48])['01'], type: message[0], amount, of: found };
  return answer(message, '00');
}

// A reversal is remembered, also of what never came: that is what its acknowledgement promises.
function reverse(message) {
  const name = originalOf(message);
  const key = tags(message[48])['02'];
  const found = state.charges[name];
  const changed = state.changes[name];
  if ((found && found.key !== key) || (changed && changed.key !== key)) return answer(message, '25');
  if (message[0] === '0420' && Number(message[4] || 0) % 100 === 68) return null;
  reversed.add(name);
  if (found) {
    found.reversed = true;
    found.open = false;
  }
  if (changed) {
    if (changed.type === '0220') changed.of.taken -= changed.amount;
    if (changed.type === '0220') changed.of.open = true;
    if (changed.type === '0200') changed.of.refunded -= changed.amount;
    delete state.changes[name];
  }
  return answer(message, '00');
}

function network(message) {
  state.network.push(message[70]);
  const refused = message[70] === '001' && (tags(message[48])['20'] || '') !== ACCESS_KEY;
  return answer(message, refused ? '63' : '00');
}

function money(socket, message) {
  const first = message[0] === '0100' || message[0] === '0200';
  const ending = message[4] ? message[4].slice(-2) : '';
  if (message[0].startsWith('042')) return reverse(message);
  if (first && ending === '69') {
    lost.push(message);
    return null;
  }
  const reply = first && message[3] === '000000' ? charge(message) : change(message);
  if (ending === '68') return null;
  if (first && ending === '20') {
    held.push([socket, reply]);
    if (held.length === 10) for (const [to, late] of held.splice(0).reverse()) send(to, late);
    return null;
  }
  return reply;
}

function take(socket, frame) {
  const message = new Iso().getIsoJSON(frame);
  const valid = message.error ? message : new Iso(message).validateMessage();
  if (valid !== true) {
    state.invalid.push(JSON.stringify(valid));
    return;
  }
  state.heard.push(message[0]);
  const reply = message[0] === '0800' ? network(message) : money(socket, message);
  if (reply) send(socket, reply);
}

const server = net.createServer(socket => {
  state.connections += 1;
  let waiting = Buffer.alloc(0);
  socket.on('data', bytes => {
    waiting = Buffer.concat([waiting, bytes]);
    while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
      const end = 2 + waiting.readUInt16BE(0);
      take(socket, waiting.subarray(0, end));
      waiting = waiting.subarray(end);
    }
  });
  socket.on('error', () => {});
});

readline.createInterface({ input: process.stdin }).on('line', line => {
  if (line === 'deliver') for (const message of lost.splice(0)) charge(message);
  console.log(JSON.stringify(state));
}).on('close', () => process.exit(0));

server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
