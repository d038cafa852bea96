// The script of all pages. Every page is complete without it; it keeps what is shown up to date.
const base = new URL('../', import.meta.url); // of the first page

// Times are shown in the viewer's zone.
for (const t of document.querySelectorAll('time[datetime]')) {
	const at = new Date(t.dateTime);
	if (!Number.isNaN(at.getTime())) {
		t.title = t.textContent;
		t.textContent = show(t.className, at);
	}
}

function show(kind, at) { return kind === 'clock' ? at.toLocaleTimeString() : at.toLocaleString(); }

// sentence is a text with its times in the viewer's zone.
function sentence(text) {
	return text.split(/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d))/).map((part, i) => {
		const at = new Date(part);
		return i % 2 && !Number.isNaN(at.getTime()) ? Object.assign(document.createElement('time'), { dateTime: part, textContent: show('clock', at) }) : part;
	});
}

// say tells those who do not see it what has changed. What goes on all the time, such as seconds, is not told.
const say = (text) => { document.getElementById('say').textContent = text; };

// The sentence about the node's condition stays true.
const state = document.getElementById('state');
async function refreshState() {
	if (document.hidden || !state) return;
	try {
		const answer = await fetch(new URL('data/state', base));
		const now = await answer.json();
		if (!state.classList.contains(now.kind)) say('This node is ' + now.kind + '.');
		state.className = 'state ' + now.kind;
		state.replaceChildren(Object.assign(document.createElement('strong'), { textContent: now.kind }), ' ', ...sentence(now.text));
	} catch {
		if (!state.classList.contains('silent')) say('This node does not answer.');
		state.className = 'state impaired silent';
		state.textContent = 'This node does not answer; what the page shows is old.';
	}
}
setInterval(refreshState, 5000);
document.addEventListener('visibilitychange', refreshState);

const list = document.getElementById('list');
if (list) {
	const { start } = await import('./instances.js');
	start(list, base, new URL(document.body.dataset.v1 + '/', location.href), say);
}
