// Times are shown in the viewer's zone.
for (const t of document.querySelectorAll('time[datetime]')) {
	const at = new Date(t.dateTime);
	if (!Number.isNaN(at.getTime())) {
		t.title = t.textContent;
		t.textContent = at.toLocaleString();
	}
}
