"""A small service registered by wasp-eureka or qg-aio-eureka, driven over HTTP by the test.

The second is a fork of the first. Both read JSON from each answer, also from those without a body, and raise what they
do not like. They keep nothing: a service that uses them renews and looks up by itself.
"""

import argparse
import asyncio
import importlib
import importlib.metadata
import json
import signal

from aiohttp import ClientSession, web


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--library", required=True)
    parser.add_argument("--server", required=True)
    parser.add_argument("--app", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--lease", type=int, required=True)
    return parser.parse_args()


def instance_id(args):
    return f"127.0.0.1:{args.app.lower()}:{args.port}"


class Service:
    def __init__(self):
        # The import opens a session, for which a loop must run.
        self.library = importlib.import_module(arguments.library.replace("-", "_") + ".client")
        self.client = self.library.EurekaClient(
            arguments.app, arguments.port, "127.0.0.1",
            eureka_url=arguments.server.removesuffix("/eureka/"), instance_id=instance_id(arguments))

    async def register(self):
        await self.client.register(
            metadata={"fixture": arguments.library}, lease_duration=arguments.lease, lease_renewal_interval=1)

    async def renew(self):
        while True:
            await asyncio.sleep(1)
            try:
                await self.client.renew()
            except Exception as e:  # the next one may come through; a lease that ends is seen by the test
                print("renew:", repr(e), flush=True)

    async def up(self, app):
        found = await self.client.get_app(app)
        return [i for i in found["application"]["instance"] if i["status"] == "UP"]

    async def hello(self, query):
        return instance_id(arguments)

    async def instances(self, query):
        return [{"id": i["instanceId"], "host": i["hostName"], "port": i["port"]["$"], "metadata": i["metadata"]}
                for i in await self.up(query["app"])]

    async def call(self, query):
        instance = (await self.up(query["app"]))[0]
        url = f"http://{instance['hostName']}:{instance['port']['$']}{query['path']}"
        async with ClientSession() as session, session.get(url) as response:
            return await response.text()

    async def status(self, query):
        if query["value"] == "UP":
            await self.client.remove_status_override()
            # The override's removal leaves the status unknown until the instance says it again.
            await self.register()
        else:
            await self.client.set_status_override(self.library.StatusType[query["value"]])
        return query["value"]

    async def metadata(self, query):
        await self.client.update_meta(query["key"], query["value"])
        return query["value"]

    async def stats(self, query):
        return {"version": importlib.metadata.version(arguments.library)}

    async def answer(self, request):
        endpoint = getattr(self, request.path.strip("/"))
        try:
            answer = await endpoint(request.query)
        except Exception as e:  # the test sees what went wrong
            return web.Response(status=500, text=repr(e))
        return web.Response(text=answer if isinstance(answer, str) else json.dumps(answer))


async def serve():
    service = Service()
    app = web.Application()
    app.router.add_get("/{endpoint}", service.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", arguments.port).start()
    await service.register()
    renewals = asyncio.create_task(service.renew())
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    await end.wait()
    renewals.cancel()
    await service.client.deregister()
    await runner.cleanup()


arguments = parse()
# The libraries close their sessions at exit, in the loop they began with.
asyncio.get_event_loop_policy().get_event_loop().run_until_complete(serve())
