// A phone in a browser, without the browser: JsSIP, whose WebSocket is that of the package ws.
//
//   node jssip.mjs URL USER EXPIRES EVENT:RESOURCE...    (BELLHOP_LAB_DIR/js has the packages)
//
// registers and watches; says each message as it crossed. At SIGUSR2 it ends its subscriptions one after the other, takes its
// registration down, and ends. Whatever goes wrong ends it with 1.
import { createRequire } from 'node:module';

const require = createRequire(process.env.LAB_JS + '/');
globalThis.WebSocket = require('ws');
const JsSIP = require('jssip');

const [url, user, expires, ...watched] = process.argv.slice(2);
const domain = new URL(url).hostname;
const say = (what) => console.log(what);
const fail = (why) => { say(`FAILED ${why}`); process.exit(1); };
const ACCEPT = {
    'dialog': 'application/dialog-info+xml',
    'presence': 'application/pidf+xml',
    'message-summary': 'application/simple-message-summary',
};

const socket = new JsSIP.WebSocketInterface(url);
const ua = new JsSIP.UA({
    sockets: [socket],
    uri: `sip:${user}@${domain}`,
    password: `secret${user}`,
    register_expires: 60,
});
const send = socket.send.bind(socket);
socket.send = (message) => { say(`>>> ${message}`); return send(message); };
ua.on('connected', () => say('connected'));
ua.on('disconnected', ({ error, code }) => say(`disconnected code=${code} error=${error}`));
ua.on('registrationFailed', ({ cause }) => fail(`registration: ${cause}`));
ua.on('unregistered', () => say('unregistered'));

const subscriptions = [];
function watch(word) {
    const [event, resource] = word.split(':');
    const options = { expires: Number(expires) };
    const one = ua.subscribe(`sip:${resource}@${domain}`, event, ACCEPT[event], { ...options, params: {} });
    one.on('accepted', () => say(`accepted ${event}`));
    one.on('active', () => say(`active ${event}`));
    one.on('notify', (last, request, body) => say(`notify ${event} last=${last} ${JSON.stringify(body)}`));
    one.on('terminated', (code, reason) => {
        if (code !== one.C.FINAL_NOTIFY_RECEIVED || !ending) fail(`${event}: code ${code}, ${reason}`);
        say(`terminated ${event}`);
        end();
    });
    one.subscribe();
    subscriptions.push(one);
}

let ending = false;
function end() {
    const one = subscriptions.shift();
    if (one) return one.terminate();
    ua.once('unregistered', () => { say('done'); process.exit(0); });
    ua.unregister();
}

let registered = false;
ua.on('registered', () => {
    say('registered');
    if (!registered) watched.forEach(watch);
    registered = true;
});
process.on('SIGUSR2', () => { ending = true; end(); });
ua.start();
// What came, as it came.
const ondata = socket.ondata;
socket.ondata = (data) => { say(`<<< ${data}`); return ondata(data); };
