// The list of instances, alive: searched here, a window of rows in the document, changes as they happen.
import { h, render, Component } from './npm/preact.js';
import htm from './npm/htm.js';

const html = htm.bind(h);
const frame = 500; // ms: what happens within is shown at once
const rank = { DOWN: 1, OUT_OF_SERVICE: 2, UNKNOWN: 3, STARTING: 4, UP: 6 };
const columns = [
	['status', 'Status'], ['app', 'Application'], ['id', 'Instance'], ['address', 'Address'],
	['zone', 'Zone'], ['version', 'Version'], ['heard', 'Heartbeat'], ['changed', 'Changed'],
];

export function start(element, base, v1, say) {
	const store = new Store(base, v1);
	store.load().then(() => {
		element.className = '';
		element.replaceChildren();
		const groups = document.getElementById('groups-now'); // as the node has rendered them
		if (groups) groups.remove();
		render(html`<${List} store=${store} base=${base} say=${say} />`, element);
		performance.mark('list'); // ./do bench-page looks at it
		store.watch();
	}).catch(() => {}); // the page as the node has rendered it stays
}

// A row is prepared for search and order when it comes, not at each key; one that has not changed has what it was before.
function prepare(r, rows) {
	r.key = r.app + '/' + r.id;
	const old = rows && rows.get(r.key);
	r.version = r.meta.version || '';
	r.rank = r.lease === 2 ? 0 : r.status === 'UP' && r.lease ? 5 : rank[r.status] || 3;
	r.text = old && old.changed === r.changed ? old.text : [r.app, r.id, r.address, r.ip, r.vip, r.status, r.zone, ...Object.values(r.meta)].join('\n').toLowerCase();
	return r;
}

// valueOf is what a row has under a column's name, or else a key of the metadata, whatever that is called.
function valueOf(r, key) {
	if (['app', 'zone', 'version', 'status'].includes(key)) return r[key];
	return Object.hasOwn(r.meta, key) ? r.meta[key] : '';
}

// fromRecord reads a record as Eureka's API has it.
function fromRecord(in_, old) {
	const meta = { ...in_.metadata };
	delete meta['@class'];
	const port = in_.port || {}, secure = in_.securePort || {};
	const on = (p) => String(p['@enabled']) === 'true';
	const host = in_.hostName || in_.ipAddr || '';
	const amazon = in_.dataCenterInfo && in_.dataCenterInfo.name === 'Amazon' && in_.dataCenterInfo.metadata;
	return prepare({
		app: in_.app, id: in_.instanceId || (amazon && amazon['instance-id']) || in_.hostName, status: in_.status,
		overridden: in_.overriddenstatus && in_.overriddenstatus !== 'UNKNOWN' ? 1 : 0,
		address: on(port) ? host + ':' + port.$ : on(secure) ? host + ':' + secure.$ : host,
		ip: in_.ipAddr || '', vip: in_.vipAddress || '', zone: (amazon ? amazon['availability-zone'] : meta.zone) || '',
		changed: Number(in_.lastUpdatedTimestamp) || 0, heardAt: Date.now(), lease: 0, meta, fresh: old ? 0 : Date.now(),
	});
}

class Store {
	constructor(base, v1) {
		this.base = base;
		this.v1 = v1;
		this.rows = new Map();
		this.version = '';
		this.pending = new Map();
		this.listener = () => {};
		this.live = 'connecting';
	}

	async load() {
		this.heard = []; // changes that come while the answer is on its way
		const answer = await fetch(new URL('data/instances', this.base));
		if (!answer.ok) throw new Error(answer.status);
		const c = await answer.json();
		const rows = new Map(), got = Date.now();
		for (let i = 0; c.app && i < c.app.length; i++) {
			const r = prepare({
				app: c.app[i], id: c.id[i], status: c.status[i], overridden: c.overridden[i], address: c.address[i], ip: c.ip[i], vip: c.vip[i],
				zone: c.zone[i], changed: c.changed[i], heardAt: c.heard[i] < 0 ? 0 : got - 1000 * c.heard[i], lease: c.lease[i], meta: c.metas[c.meta[i]],
			}, this.rows);
			rows.set(r.key, r);
		}
		this.rows = rows;
		this.version = c.version;
		this.pending.clear();
		const known = Number(c.version.slice(c.version.lastIndexOf('-') + 1)), heard = this.heard;
		this.heard = null;
		for (const change of heard) if (change.seq > known) this.take(change);
	}

	// Leases are no changes: they are looked at again now and then, which also finds what a stream may have missed.
	async again() {
		if (document.hidden) return;
		try {
			await this.load();
			this.listener(null);
			if (this.live !== 'live') this.watch();
		} catch {
			this.heard = null;
			this.tell('no answer');
		}
	}

	watch() {
		if (this.source) this.source.close();
		const url = new URL('watch', this.v1);
		url.search = new URLSearchParams({ as: 'page', snapshot: 'false', since: this.version });
		const source = this.source = new EventSource(url);
		source.addEventListener('whole', () => this.tell('live'));
		source.addEventListener('reset', () => this.again());
		source.addEventListener('change', (e) => this.take(JSON.parse(e.data)));
		source.onerror = () => this.tell(source.readyState === EventSource.CLOSED ? 'polling' : 'connecting');
		clearInterval(this.timer);
		this.timer = setInterval(() => this.again(), this.rows.size > 20000 ? 300000 : 30000);
	}

	tell(live) {
		if (live !== this.live) {
			this.live = live;
			this.listener(new Set());
		}
	}

	take(change) {
		if (this.heard) this.heard.push(change);
		this.pending.set(change.app + '/' + change.id, change.instance || null);
		if (!this.due) this.due = setTimeout(() => this.apply(), frame);
	}

	apply() {
		this.due = 0;
		const changed = new Set(this.pending.keys());
		for (const [key, in_] of this.pending) {
			if (in_) this.rows.set(key, fromRecord(in_, this.rows.get(key)));
			else this.rows.delete(key);
		}
		this.pending.clear();
		this.listener(changed);
	}
}

const compareText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const tie = (a, b) => compareText(a.app, b.app) || compareText(a.id, b.id);

function comparison(sort) {
	const down = sort.startsWith('-') ? -1 : 1, column = sort.replace(/^-/, '');
	switch (column) {
	case 'status': case 'app': case 'id': case 'address': case 'zone': case 'version':
		return (a, b) => down * compareText(a[column], b[column]) || tie(a, b);
	case 'changed': return (a, b) => down * (a.changed - b.changed) || tie(a, b);
	case 'heard': return (a, b) => down * (a.heardAt - b.heardAt) || tie(a, b);
	}
	return (a, b) => a.rank - b.rank || tie(a, b);
}

// filter returns what the query admits.
function filter(q) {
	const words = (q.q || '').toLowerCase().split(/\s+/).filter(Boolean);
	const app = (q.app || '').toLowerCase();
	const word = (r, w) => {
		if (r.text.includes(w)) return true;
		const at = w.indexOf('=');
		return at > 0 && Object.entries(r.meta).some(([k, v]) => k.toLowerCase() === w.slice(0, at) && v.toLowerCase() === w.slice(at + 1));
	};
	const status = (r) => !q.status || (q.status === 'expired' ? r.lease === 2 : q.status === 'override' ? r.overridden : r.status === q.status);
	return (r) => (!app || r.app.toLowerCase() === app) && (!q.zone || r.zone === q.zone) && (!q.version || r.version === q.version) &&
		status(r) && words.every((w) => word(r, w));
}

const ago = (t) => {
	const s = Math.max(0, Math.round((Date.now() - t) / 1000));
	return s < 120 ? s + ' s' : s < 7200 ? Math.floor(s / 60) + ' min' : s < 172800 ? Math.floor(s / 3600) + ' h' : Math.floor(s / 86400) + ' d';
};

class List extends Component {
	constructor(props) {
		super(props);
		const p = new URLSearchParams(location.search);
		this.query = Object.fromEntries([...p].filter(([k]) => k !== 'page'));
		this.columns();
		this.state = { open: this.query.open || '', top: 0 };
		this.form = document.querySelector('form.filter');
		this.onInput = (e) => this.input(e);
		this.form.addEventListener('input', this.onInput);
		this.form.addEventListener('submit', (e) => {
			e.preventDefault(); // all that it sends is shown already but these
			const { group, col } = this.form.elements;
			this.set('group', group.value.trim());
			this.set('col', col.value.trim());
			this.columns();
			this.show();
		});
		props.store.listener = (changed) => this.update(changed);
		this.sortAll();
	}

	componentDidMount() {
		document.addEventListener('keydown', (e) => this.shortcut(e));
		addEventListener('resize', () => this.setState({}));
		setInterval(() => document.hidden || this.setState({}), 5000); // times go on
		this.setState({});
		if (this.state.open) this.open(this.props.store.rows.get(this.state.open));
	}

	sortAll() {
		this.compare = comparison(this.query.sort || '');
		this.sorted = [...this.props.store.rows.values()].sort(this.compare);
		this.choose();
	}

	choose() {
		this.found = this.sorted.filter(filter(this.query));
		const key = this.query.group, counts = new Map();
		for (const r of key ? this.found : []) counts.set(valueOf(r, key), (counts.get(valueOf(r, key)) || 0) + 1);
		this.counts = [...counts].sort((a, b) => b[1] - a[1] || compareText(a[0], b[0])).slice(0, 100);
	}

	set(name, value) { if (value) this.query[name] = value; else delete this.query[name]; }

	columns() { this.cols = (this.query.col || '').split(',').map((c) => c.trim()).filter(Boolean).slice(0, 5); }

	input(e) {
		const { name, value } = e.target;
		if (!['q', 'status', 'zone', 'app', 'version'].includes(name)) return;
		this.set(name, value);
		this.show();
	}

	// show shows what another query admits.
	show() {
		this.choose();
		this.address();
		if (this.box) this.box.scrollTop = 0;
		this.setState({ top: 0 });
		clearTimeout(this.saying); // until who types pauses
		this.saying = setTimeout(() => this.props.say(this.found.length + ' instances found'), 500);
	}

	address() {
		const q = new URLSearchParams(this.query);
		history.replaceState(null, '', q.size ? '?' + q : location.pathname);
	}

	sort(column) {
		if (this.query.sort === column) this.query.sort = '-' + column;
		else if (this.query.sort === '-' + column) delete this.query.sort;
		else this.query.sort = column;
		this.sortAll();
		this.address();
		this.setState({});
	}

	// update shows changes. What is being read stays where it is: the first row in sight that has not changed itself.
	update(changed) {
		const box = this.box, height = this.height();
		const first = box ? Math.floor(box.scrollTop / height) : 0;
		let anchor = null, offset = 0;
		for (let i = first; box && i < Math.min(first + 60, this.found.length); i++) {
			if (!changed || !changed.has(this.found[i].key)) {
				anchor = this.found[i].key;
				offset = i * height - box.scrollTop;
				break;
			}
		}
		if (changed && changed.size < 500) this.resort(changed); else if (!changed || changed.size) this.sortAll();
		if (anchor) {
			const now = this.found.findIndex((r) => r.key === anchor);
			if (now >= 0) this.moveTo = Math.max(0, now * height - offset);
		}
		const { open, row } = this.state;
		if (open && changed && changed.has(open)) this.open(this.props.store.rows.get(open) || row);
		this.setState({});
	}

	resort(changed) {
		this.sorted = this.sorted.filter((r) => !changed.has(r.key));
		for (const key of changed) {
			const r = this.props.store.rows.get(key);
			if (!r) continue;
			let low = 0, high = this.sorted.length;
			while (low < high) {
				const mid = (low + high) >> 1;
				if (this.compare(this.sorted[mid], r) < 0) low = mid + 1; else high = mid;
			}
			this.sorted.splice(low, 0, r);
		}
		this.choose();
	}

	componentDidUpdate() {
		if (this.moveTo === undefined || !this.box) return;
		this.box.scrollTop = this.moveTo;
		this.moveTo = undefined;
	}

	height() { return matchMedia('(max-width: 46rem)').matches ? 84 : 34; }

	shortcut(e) {
		const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
		if (e.key === '/' && !typing) { e.preventDefault(); this.form.elements.q.focus(); }
		if (e.key === 'Escape' && this.state.open) this.close();
		if (e.key === 'ArrowDown' && document.activeElement === this.form.elements.q && this.box) { // on into the list
			const first = this.box.querySelector('a');
			if (first) { e.preventDefault(); first.focus(); }
		}
	}

	async open(r) {
		if (!r) return this.close();
		this.query.open = r.key;
		this.address();
		if (this.state.open !== r.key) this.setState({ open: r.key, detail: null });
		const url = new URL('data/instance', this.props.base);
		url.search = new URLSearchParams({ app: r.app, id: r.id });
		try {
			const detail = await (await fetch(url)).json();
			if (this.state.open === r.key) this.setState({ detail, row: r });
		} catch {
			this.setState({ detail: null, row: r });
		}
	}

	close() {
		const key = this.state.open;
		delete this.query.open;
		this.address();
		this.setState({ open: '', detail: null }, () => {
			const link = this.box && [...this.box.querySelectorAll('a')].find((a) => a.dataset.key === key);
			if (link) link.focus();
		});
	}

	// keys moves between rows, also to those that are not in the document yet.
	keys(e) {
		const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
		const at = this.found.findIndex((r) => r.key === (document.activeElement.dataset || {}).key);
		if (!step || at < 0) return;
		e.preventDefault();
		const to = at + step, r = this.found[to], height = this.height();
		if (!r) return;
		if (to * height < this.box.scrollTop) this.box.scrollTop = to * height;
		const view = this.box.clientHeight - this.box.querySelector('.top').offsetHeight; // the heading stays in sight
		if ((to + 2) * height > this.box.scrollTop + view) this.box.scrollTop = (to + 2) * height - view;
		const link = [...this.box.querySelectorAll('a')].find((a) => a.dataset.key === r.key); // there are rows beyond those in sight
		if (link) link.focus({ preventScroll: true });
		this.setState({ top: this.box.scrollTop });
	}

	// groups are how many of those found have each value, the most first, with links to these alone.
	groups() {
		const key = this.query.group;
		if (!key) return '';
		const alone = (value) => {
			const { group, open, ...q } = this.query;
			if (['app', 'zone', 'version', 'status'].includes(key)) q[key] = value;
			else q.q = `${q.q || ''} ${key}=${value}`.trim();
			return '?' + new URLSearchParams(q);
		};
		return html`<ul class="totals" aria-label="Groups">${this.counts.map(([value, n]) => html`<li key=${value}><a href=${alone(value)}><b>${n}</b> ${value || 'none'}</a></li>`)}</ul>`;
	}

	head([column, label]) {
		const s = this.query.sort, sorted = s === column ? 'ascending' : s === '-' + column ? 'descending' : 'none';
		return html`<span role="columnheader" aria-sort=${sorted} class=${'c-' + column}><button type="button" onClick=${() => this.sort(column)}>${label}${sorted === 'ascending' ? ' ↑' : sorted === 'descending' ? ' ↓' : ''}</button></span>`;
	}

	row(r, i, height) {
		const q = new URLSearchParams({ ...this.query, open: r.key });
		const show = (e) => { if (!e.ctrlKey && !e.metaKey && !e.shiftKey) { e.preventDefault(); this.open(r); setTimeout(focusDrawer); } };
		const notes = [r.overridden ? 'override' : '', r.lease === 2 ? 'lease ran out' : r.lease ? 'overdue' : ''].filter(Boolean).join(', ');
		return html`<div role="row" aria-rowindex=${i + 2} key=${r.key} class=${'row' + (r.key === this.state.open ? ' open' : '') + (r.fresh > Date.now() - 10000 ? ' fresh' : '')} ref=${(e) => e && (e.style.transform = `translateY(${i * height}px)`)}>
			<span role="cell" class="c-status"><b class=${r.status === 'UP' && r.lease < 2 ? 'good' : 'bad'}>${r.status}</b>${notes && html` <i>${notes}</i>`}</span>
			<span role="cell" class="c-app">${r.app}</span>
			<span role="cell" class="c-id"><a href=${'?' + q} data-key=${r.key} title=${r.id} onClick=${show}>${r.id}</a></span>
			<span role="cell" class="c-address" title=${r.address}>${r.address}</span>
			<span role="cell" class="c-zone">${r.zone}</span><span role="cell" class="c-version">${r.version}</span>
			${this.cols.map((c) => html`<span role="cell" class="c-more">${valueOf(r, c)}</span>`)}
			<span role="cell" class="c-heard">${r.heardAt ? ago(r.heardAt) + ' ago' : ''}</span>
			<span role="cell" class="c-changed" title=${new Date(r.changed).toLocaleString()}>${r.changed ? ago(r.changed) + ' ago' : ''}</span>
		</div>`;
	}

	render({ store, base }, { open, detail, row }) {
		const height = this.height(), box = this.box;
		const scroll = this.moveTo !== undefined ? this.moveTo : box ? box.scrollTop : 0, view = box ? box.clientHeight : 700;
		const from = Math.max(0, Math.floor(scroll / height) - 15), to = Math.min(this.found.length, from + Math.ceil(view / height) + 30);
		return html`${this.groups()}<div class=${open ? 'split' : ''}>
			<div>
				<p class="found" id="found">${this.found.length.toLocaleString()} of ${store.rows.size.toLocaleString()} instances${this.query.sort ? '' : ', trouble first'} · <span class=${'conn ' + store.live}>${store.live}</span></p>
				<div role="table" aria-label="Instances" aria-rowcount=${this.found.length + 1} class=${'table box cols-' + this.cols.length} tabindex="0" ref=${(e) => { this.box = e; }} onScroll=${() => this.setState({ top: this.box.scrollTop })} onKeyDown=${(e) => this.keys(e)}>
					<div role="rowgroup" class="top"><div role="row" aria-rowindex="1" class="head">${columns.slice(0, 6).map((c) => this.head(c))}${this.cols.map((c) => html`<span role="columnheader" class="c-more">${c}</span>`)}${columns.slice(6).map((c) => this.head(c))}</div></div>
					<div role="rowgroup" class="tall" ref=${(e) => e && (e.style.height = this.found.length * height + 'px')}>
						${this.found.slice(from, to).map((r, i) => this.row(r, from + i, height))}
					</div>
				</div>
				${this.found.length ? '' : html`<p>No instance matches.</p>`}
			</div>
			${open && html`<${Drawer} name=${open} detail=${detail} row=${row} base=${base} v1=${store.v1} close=${() => this.close()} again=${() => this.open(row).then(focusDrawer)} />`}
		</div>`;
	}
}

// focusDrawer leads keys and screen readers into the drawer; Escape leads back.
const focusDrawer = () => { const d = document.querySelector('.drawer'); if (d) d.focus(); };

const fields = (list) => html`<dl>${list.map((f) => html`<dt>${f.Name}</dt><dd>${f.URL ? html`<a href=${f.URL} rel="noreferrer">${f.Value}</a>` : f.Value}</dd>`)}</dl>`;
const local = (t) => new Date(t).toLocaleString();
const localTimes = (text) => text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)/g, (s) => Number.isNaN(Date.parse(s)) ? s : local(s));

// act sends a form of the drawer to heureka's API, and shows what has become of the instance.
async function act(e, v1, again) {
	e.preventDefault();
	const form = e.target, note = form.querySelector('[role=alert]'), button = form.querySelector('button');
	button.disabled = true;
	try {
		const answer = await fetch(new URL('instance/' + form.dataset.action, v1), { method: 'POST', body: new URLSearchParams(new FormData(form)) });
		if (answer.ok) return again();
		note.textContent = answer.headers.get('content-type') === 'application/json' ? (await answer.json()).error : 'refused: ' + answer.status;
	} catch {
		note.textContent = 'This node does not answer.';
	} finally {
		button.disabled = false;
	}
}

function Act({ action, label, row, named, v1, again, danger, children }) {
	return html`<form class="act" method="post" data-action=${action} onSubmit=${(e) => act(e, v1, again)}>
		<input type="hidden" name="app" value=${row.app} /><input type="hidden" name="id" value=${row.id} />
		${children}
		<label class="grow">Reason <input name="reason" maxlength="150" /></label>
		${named ? '' : html`<label>Your name <input name="operator" maxlength="40" autocomplete="name" size="12" /></label>`}
		<button class=${danger ? 'danger' : ''}>${label}</button><span role="alert" class="bad"></span>
	</form>`;
}

function Acts({ d, ...more }) {
	return html`<h3>Actions</h3>
		${d.overridden ? html`<${Act} key="restore" action="restore" label="Back in service" named=${d.acts.named} ...${more}>
			<label>Then <select name="as"><option value="UNKNOWN">UNKNOWN until it says itself</option><option value="UP">UP at once</option></select></label></${Act}>`
		: html`<${Act} key="override" action="override" label="Out of service" named=${d.acts.named} ...${more}>
			<label>For <select name="for">${d.acts.terms.map((t) => html`<option value=${t.Value}>${t.Label}</option>`)}</select></label></${Act}>`}
		<details><summary>Remove from the registry</summary>
			<${Act} key="cancel" action="cancel" label="Remove" danger named=${d.acts.named} ...${more} />
			<p class="note">If its program still runs, its next heartbeat brings it back.</p></details>`;
}

function Drawer({ name, detail: d, row, base, v1, close, again }) {
	if (!d) return html`<aside class="drawer" aria-label="Instance" tabindex="-1"><p>${name}</p></aside>`;
	const own = new URL('instance', base);
	own.search = new URLSearchParams({ app: row.app, id: row.id });
	return html`<aside class="drawer" aria-label="Instance" tabindex="-1">
		<p><button type="button" onClick=${close}>Close</button> <a href=${own.href}>On a page of its own</a></p>
		<h2>${row.app} <span class="id">${row.id}</span></h2>
		${d.gone ? html`<p>It is not registered now.</p>` : html`
			<p><b class=${d.status === 'UP' ? 'good' : 'bad'}>${d.status}</b>${d.overridden ? html` <i>override${d.until ? ` until ${local(d.until)}` : ''}</i>` : ''}${d.changes && d.changes[0] ? `, last changed by ${localTimes(d.changes[0].Why)}, ${local(d.changes[0].At)}` : ''}</p>
			${(d.faults || []).map((f) => html`<p class="warning">${f}</p>`)}
			${d.acts ? html`<${Acts} d=${d} row=${row} v1=${v1} again=${again} />` : ''}
			<h3>Lease</h3>${fields(d.lease)}
			${fields(d.times.filter((t) => !t.At.startsWith('0001')).map((t) => ({ Name: t.Name, Value: local(t.At) })))}
			<h3>Registered</h3>${fields(d.fields)}
			<h3>Metadata</h3>${d.metadata ? fields(d.metadata.map((e) => ({ Name: e.Key || e.key, Value: e.Value || e.value }))) : 'None.'}`}
		<h3>History</h3>
		<ul class="history">${(d.changes || []).map((c) => html`<li>${local(c.At)}: ${c.What} ${c.From !== c.To ? `${c.From || '-'} → ${c.To || '-'}` : c.To}, ${localTimes(c.Why)}</li>`)}</ul>
		<p class="note">Complete since ${local(d.since)}.</p>
	</aside>`;
}
