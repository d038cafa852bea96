// A small service registered by eureka-nodejs-client, driven over HTTP by the test. The library beats with a body, and looks an
// application up when asked for one of its instances.
const http = require('node:http');
const { parseArgs } = require('node:util');
const create = require('eureka-nodejs-client');
const { version } = require('eureka-nodejs-client/package.json');

const option = { type: 'string' };
const { values: args } = parseArgs({ options: { server: option, app: option, port: option, lease: option } });
const port = Number(args.port);
const server = new URL(args.server);
const id = `127.0.0.1:${args.app}:${port}`;

const client = create({
  eureka: { serviceUrl: [server.origin], servicePath: `${server.pathname}apps`, registerWithEureka: true, pollIntervalSeconds: 1 },
  instance: {
    app: args.app, instanceId: id, ipAddr: '127.0.0.1', port,
    leaseInfo: { renewalIntervalInSecs: 1, durationInSecs: Number(args.lease) },
  },
}, 'error');

const up = async (app) => (await client.rest.queryByappid(app)).application.instance.filter((i) => i.status === 'UP');

const endpoints = {
  '/hello': () => id,
  '/instances': async (query) => (await up(query.get('app'))).map((i) => (
    { id: i.instanceId, host: i.hostName, port: i.port.$, metadata: i.metadata })),
  '/call': async (query) => {
    const found = await client.instance(query.get('app'));
    return (await fetch(`http://${found.hostName}:${found.port.$}${query.get('path')}`)).text();
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
}).listen(port, '127.0.0.1', () => {
  client.rest = client.start();
  client.rest.config.instance.metadata.fixture = 'eureka-nodejs-client'; // which init has replaced
});

process.on('SIGTERM', async () => {
  client.stop();
  await client.delete();
  process.exit(0);
});
