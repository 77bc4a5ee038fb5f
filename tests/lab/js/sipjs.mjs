// As jssip.mjs, by SIP.js.
//
//   node sipjs.mjs URL USER EXPIRES EVENT:RESOURCE...
import { createRequire } from 'node:module';

const require = createRequire(process.env.LAB_JS + '/');
globalThis.WebSocket = require('ws');
const { Registerer, RegistererState, Subscriber, SubscriptionState, UserAgent } = await import(
    require.resolve('sip.js/lib/index.js'));

const [url, user, expires, ...watched] = process.argv.slice(2);
const domain = new URL(url).hostname;
const say = (what) => console.log(what);
const fail = (why) => { say(`FAILED ${why}`); process.exit(1); };
const uri = (name) => UserAgent.makeURI(`sip:${name}@${domain}`);

const ua = new UserAgent({
    uri: uri(user),
    authorizationUsername: user,
    authorizationPassword: `secret${user}`,
    transportOptions: { server: url, keepAliveInterval: 2, traceSip: true },
    logConfiguration: false,
    logBuiltinEnabled: false,
    logConnector: (level, category, label, content) => say(`${level} ${category} ${content}`),
    logLevel: 'log',
});
const until = (emitter, state) => new Promise((done) => {
    emitter.addListener((now) => { if (now === state) done(); });
});

process.on('unhandledRejection', (why) => fail(why));
await ua.start();
say('connected');
const registerer = new Registerer(ua, { expires: 60 });
const registered = until(registerer.stateChange, RegistererState.Registered);
await registerer.register({ requestDelegate: { onReject: ({ message }) => fail(`registration: ${message.statusCode}`) } });
await registered;
say('registered');

const subscriptions = [];
for (const word of watched) {
    const [event, resource] = word.split(':');
    const one = new Subscriber(ua, uri(resource), event, { expires: Number(expires) });
    one.delegate = {
        onNotify: (notification) => {
            notification.accept();
            say(`notify ${event} ${JSON.stringify(notification.request.body)}`);
        },
    };
    one.stateChange.addListener((state) => say(`${state} ${event}`));
    await one.subscribe();
    subscriptions.push(one);
}

process.on('SIGUSR2', async () => {
    for (const one of subscriptions) {
        const ended = until(one.stateChange, SubscriptionState.Terminated);
        await one.unsubscribe();
        await ended;
    }
    const gone = until(registerer.stateChange, RegistererState.Unregistered);
    await registerer.unregister();
    await gone;
    say('unregistered');
    await ua.stop();
    say('done');
    process.exit(0);
});
