// A small service registered by eureka-js-client, or by a fork of it, driven over HTTP by the test.
const fs = require('node:fs');
const http = require('node:http');
const { parseArgs } = require('node:util');

const option = { type: 'string' };
const { values: args } = parseArgs({
  options: {
    library: { ...option, default: 'eureka-js-client' }, fixture: { ...option, default: 'node' },
    server: option, app: option, port: option, lease: option, delta: { type: 'boolean' },
  },
});
const { Eureka } = require(args.library);
const { version } = require(`${args.library}/package.json`);
const port = Number(args.port);
const server = new URL(args.server);
const id = `127.0.0.1:${args.app}:${port}`;

// What the library hands to `request`: the credentials of the URL, the certificate of the environment.
const identify = (options, done) => {
  if (server.username) {
    options.auth = { user: decodeURIComponent(server.username), pass: decodeURIComponent(server.password) };
  }
  if (process.env.FIXTURE_CERT) {
    options.cert = fs.readFileSync(process.env.FIXTURE_CERT);
    options.key = fs.readFileSync(process.env.FIXTURE_KEY);
  }
  done(options);
};

const client = new Eureka({
  shouldUseDelta: Boolean(args.delta),
  requestMiddleware: identify,
  instance: {
    app: args.app,
    instanceId: id,
    hostName: '127.0.0.1',
    ipAddr: '127.0.0.1',
    port: { $: port, '@enabled': true },
    vipAddress: args.app,
    metadata: { fixture: args.fixture },
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    leaseInfo: { renewalIntervalInSecs: 1, durationInSecs: Number(args.lease) },
  },
  eureka: {
    host: server.hostname,
    port: server.port,
    ssl: server.protocol === 'https:',
    servicePath: `${server.pathname}apps/`,
    heartbeatInterval: 1000,
    registryFetchInterval: 1000,
  },
});

const register = () => new Promise((resolve, reject) => client.register((err) => (err ? reject(err) : resolve())));

const endpoints = {
  '/hello': () => id,
  '/instances': (query) => client.getInstancesByAppId(query.get('app')).map((i) => (
    { id: i.instanceId, host: i.hostName, port: i.port.$, metadata: i.metadata })),
  '/call': async (query) => {
    const [found] = client.getInstancesByAppId(query.get('app'));
    return (await fetch(`http://${found.hostName}:${found.port.$}${query.get('path')}`)).text();
  },
  // The library has no call for it; registering again is how its users change a record.
  '/metadata': async (query) => {
    client.config.instance.metadata[query.get('key')] = query.get('value');
    await register();
    return client.config.instance.metadata;
  },
  '/stats': () => ({ version }),
};

http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1');
  try {
    const answer = await endpoints[url.pathname](url.searchParams);
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  } catch (err) { // the test sees what went wrong
    response.statusCode = 500;
    response.end(String(err));
  }
}).listen(port, '127.0.0.1', () => client.start());

process.on('SIGTERM', () => client.stop(() => process.exit(0)));
