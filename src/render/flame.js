// The flame graph's own script: zoom, search, keyboard, fluid width. The
// picture is complete without it. Lines that are only a comment are left out
// of the SVG. Text of the profile goes in as textContent, never as markup.
(function () {
	"use strict";

	const SVG = "http://www.w3.org/2000/svg";
	const HTML = "http://www.w3.org/1999/xhtml";
	const INSET = 4;
	const TEXT_LEAST = 3;
	const FILE_LETTERS = 4;
	const DOTS = "\u2026";
	const BUTTONS_WIDTH = 280;
	const SEARCH_WIDTH = 560;
	const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\ud83c-\ud83e][\udc00-\udfff]|[\ud840-\ud87f][\udc00-\udfff]/;

	const svg = document.currentScript.ownerSVGElement;
	const standalone = svg === document.documentElement;
	const box = svg.querySelector(".cells");
	const head = svg.querySelector(".head");
	const PAD = Number(svg.dataset.pad);
	const HEAD = Number(svg.dataset.head);
	const ROW = Number(svg.dataset.row);
	const LEVELS = Number(svg.dataset.levels);
	const HEIGHT = HEAD + LEVELS * ROW + Number(svg.dataset.foot);
	// Which end the root is at when the address does not say.
	const FLAME = svg.dataset.view === "flame";
	const fixed = svg.dataset.fixed ? svg.width.baseVal.value : 0;

	// zoom: index of a cell. The rest is what the buttons say.
	const state = { zoom: 0, query: "", ignoreCase: false, flame: FLAME };
	let width = 0;
	let letter = 0;
	let focused = 0;
	let searchOpen = false;

	function element(space, name, attributes, parent) {
		const e = document.createElementNS(space, name);
		for (const key in attributes)
			e.setAttribute(key, attributes[key]);
		if (parent)
			parent.appendChild(e);
		return e;
	}

	// ---- the cells: in the file parents come first, so a subtree is a range ----

	const cells = [];
	const rows = [];
	const byElement = new Map();

	function readCells() {
		const path = [];
		for (const g of box.children) {
			const [start, total, depth] = g.dataset.c.split(" ").map(Number);
			const tip = g.children[0].textContent;
			const cut = tip.lastIndexOf("\n");
			const c = {
				g, rect: g.children[1], text: g.children[2] || null,
				start, total, depth, index: cells.length, end: cells.length + 1,
				label: tip.slice(0, cut), facts: tip.slice(cut + 1),
				parent: depth ? path[depth - 1] : null,
				hidden: g.classList.contains("h"),
				shown: true, above: false, hit: false, x: 0, y: 0, w: 0
			};
			path[depth] = c;
			rows[depth] = rows[depth] || [];
			c.column = rows[depth].length;
			rows[depth].push(c);
			cells.push(c);
			byElement.set(g, c);
			g.setAttribute("role", "treeitem");
			g.setAttribute("aria-level", depth + 1);
			g.setAttribute("tabindex", c.index ? -1 : 0);
		}
		for (let i = cells.length - 1; i > 0; i--) {
			const p = cells[i].parent;
			p.end = Math.max(p.end, cells[i].end);
		}
	}

	function isWithin(c, top) {
		return c.index >= top.index && c.index < top.end;
	}

	function cellOf(target) {
		const g = target.closest ? target.closest(".cells > g") : null;
		return g ? byElement.get(g) : null;
	}

	// ---- text that fits ----

	function columnsOf(s) {
		let n = 0;
		for (const ch of s)
			n += WIDE.test(ch) ? 2 : 1;
		return n;
	}

	// The same rule as text_fit of the program.
	function fit(label, room) {
		if (columnsOf(label) <= room)
			return label;
		const name = label.indexOf(" (", 1);
		const slash = label.lastIndexOf("/");
		if (name > 0 && slash > name + 2) {
			const shorter = label.slice(0, name + 2) + DOTS + label.slice(slash);
			if (columnsOf(shorter) <= room)
				return shorter;
		}
		let cut = "", left = room - 1;
		for (const ch of label) {
			left -= WIDE.test(ch) ? 2 : 1;
			if (left < 0)
				break;
			cut += ch;
		}
		if (name > 0 && cut.length < name + 2 + FILE_LETTERS && columnsOf(label.slice(0, name)) <= room)
			return label.slice(0, name);
		return cut + DOTS;
	}

	// For the header's proportional letters: by measure.
	function fitMeasured(text, full, room) {
		text.textContent = full;
		let length = text.getComputedTextLength();
		let keep = Array.from(full);
		while (length > room && keep.length > 1) {
			keep = keep.slice(0, Math.max(1, Math.min(keep.length - 1, Math.floor(keep.length * room / length))));
			text.textContent = keep.join("") + DOTS;
			length = text.getComputedTextLength();
		}
	}

	function measureLetter() {
		const probe = element(SVG, "text", { x: 0, y: -100 }, box);
		probe.textContent = "x".repeat(100);
		letter = probe.getComputedTextLength() / 100 || 7.25;
		probe.remove();
	}

	// ---- layout ----

	function place(c, x, w) {
		const y = HEAD + (state.flame ? LEVELS - 1 - c.depth : c.depth) * ROW;
		const drawn = w > 2 ? w - 0.6 : Math.max(w, 0.05);
		if (c.x === x && c.y === y && c.w === w)
			return;
		c.x = x;
		c.y = y;
		c.w = w;
		c.rect.setAttribute("x", x.toFixed(2));
		c.rect.setAttribute("y", y);
		c.rect.setAttribute("width", drawn.toFixed(2));
		const room = Math.floor((w - 2 * INSET) / letter);
		if (room < TEXT_LEAST) {
			if (c.text)
				c.text.textContent = "";
			return;
		}
		c.text = c.text || element(SVG, "text", {}, c.g);
		c.text.setAttribute("x", (x + INSET).toFixed(2));
		c.text.setAttribute("y", y + 13);
		c.text.textContent = fit(c.label, room);
	}

	function show(c, shown, above) {
		if (c.shown !== shown)
			c.g.classList.toggle("off", !shown);
		if (c.above !== above)
			c.g.classList.toggle("up", above);
		c.shown = shown;
		c.above = above;
	}

	function layoutCells() {
		const top = cells[state.zoom];
		const inner = width - 2 * PAD;
		const scale = top.total ? inner / top.total : 0;
		for (const c of cells) {
			const above = c !== top && isWithin(top, c);
			const inside = isWithin(c, top);
			show(c, above || inside, above);
			if (above || c === top)
				place(c, PAD, inner);
			else if (inside)
				place(c, PAD + (c.start - top.start) * scale, c.total * scale);
		}
	}

	function layoutHead() {
		const inner = width - 2 * PAD;
		const buttons = Math.min(BUTTONS_WIDTH, inner);
		for (const [name, room] of [["name", inner - buttons - 10], ["details", inner]]) {
			const g = head.querySelector("." + name);
			fitMeasured(g.querySelector("text"), g.querySelector("title").textContent, room);
		}
		head.querySelector(".back").setAttribute("width", width);
		parts.buttons.setAttribute("x", width - PAD - buttons + 3);
		parts.buttons.setAttribute("width", buttons);
		const search = Math.min(SEARCH_WIDTH, inner);
		parts.search.setAttribute("x", width - PAD - search + 3);
		parts.search.setAttribute("width", search);
		showStatus();
	}

	function layoutRing() {
		const c = cells[focused];
		const on = c.shown && c.g.matches(":focus-visible");
		parts.ring.style.display = on ? "" : "none";
		for (const name of ["x", "y", "width", "height"])
			parts.ring.setAttribute(name, c.rect.getAttribute(name));
	}

	function layout() {
		layoutCells();
		layoutHead();
		layoutRing();
	}

	function resize() {
		const now = fixed || Math.max(svg.getBoundingClientRect().width, 300);
		if (now === width)
			return;
		width = now;
		svg.setAttribute("viewBox", "0 0 " + width + " " + HEIGHT);
		svg.querySelector(".page").setAttribute("width", width);
		layout();
	}

	// The header stays in sight when a tall graph is scrolled.
	function stick() {
		head.setAttribute("transform", "translate(0," + Math.max(0, window.scrollY) + ")");
	}

	// ---- what is pointed at ----

	let pointed = null;

	function showStatus() {
		const search = searchOpen ? Math.min(SEARCH_WIDTH, width - 2 * PAD) + 12 : 0;
		const room = width - 2 * PAD - search;
		const c = pointed;
		let full = "";
		if (c) {
			full = c.label + " \u00b7 " + c.facts;
			if (state.zoom && isWithin(c, cells[state.zoom]))
				full += ", " + percent(c.total, cells[state.zoom].total) + " of zoom";
		}
		fitMeasured(parts.status, room > 60 ? full : "", room);
		legend.style.display = c || room < legendWidth ? "none" : "";
		if (doing)
			doing.style.display = c || room + PAD < doingEnd ? "none" : "";
	}

	function point(c) {
		if (pointed === c)
			return;
		pointed = c;
		showStatus();
	}

	// ---- zoom ----

	function percent(part, whole) {
		return (whole ? 100 * part / whole : 0).toFixed(2) + " %";
	}

	function setZoom(c) {
		state.zoom = c.index;
		parts.reset.hidden = !state.zoom;
		layout();
		showShare();
	}

	function zoom(c) {
		if (c.hidden || c.index === state.zoom)
			return;
		setZoom(c);
		saveState(true);
	}

	function reset() {
		zoom(cells[0]);
	}

	// ---- search ----

	function compile() {
		try {
			return new RegExp(state.query, state.ignoreCase ? "iu" : "u");
		} catch (e) {
			return null;
		}
	}

	// Samples below outermost hits of a range: each counts once. Or, of the
	// rest, those in hidden cells, which might match.
	function hitTotal(from, to, hidden) {
		let sum = 0;
		for (let i = from; i < to;) {
			if (hidden ? cells[i].hidden : cells[i].hit)
				sum += cells[i].total;
			i = cells[i].hit ? cells[i].end : i + 1;
		}
		return sum;
	}

	function hiddenPart(from, to, whole) {
		const sum = hitTotal(from, to, true);
		return sum ? " (" + percent(sum, whole) + " hidden)" : "";
	}

	function showShare() {
		const share = parts.share;
		const top = cells[state.zoom];
		share.classList.remove("bad");
		if (!state.query) {
			share.textContent = "";
			return;
		}
		if (!compile()) {
			share.classList.add("bad");
			share.textContent = "not a regular expression";
			return;
		}
		const all = percent(hitTotal(0, cells.length), cells[0].total);
		if (!state.zoom) {
			share.textContent = all + " matched" + hiddenPart(0, cells.length, top.total);
			return;
		}
		let above = top.hit;
		for (let c = top.parent; c; c = c.parent)
			above = above || c.hit;
		const sum = above ? top.total : hitTotal(top.index, top.end);
		share.textContent = percent(sum, top.total) + " of zoom matched" +
			(above ? "" : hiddenPart(top.index, top.end, top.total)) + ", " + all + " of all";
	}

	// The root is no function, and what is hidden has no name.
	function search() {
		const re = state.query ? compile() : null;
		for (const c of cells) {
			const hit = Boolean(re) && c.index > 0 && !c.hidden && re.test(c.label);
			if (c.hit !== hit)
				c.g.classList.toggle("hit", hit);
			c.hit = hit;
		}
		box.classList.toggle("searching", Boolean(re));
		showShare();
	}

	function setSearch(query, ignoreCase) {
		state.query = query;
		state.ignoreCase = ignoreCase;
		parts.ignore.setAttribute("aria-pressed", String(ignoreCase));
		if (parts.input.value !== query)
			parts.input.value = query;
		search();
	}

	function openSearch(open) {
		searchOpen = open;
		parts.search.style.display = open ? "" : "none";
		parts.find.setAttribute("aria-pressed", String(open));
		showStatus();
	}

	function startSearch() {
		openSearch(true);
		parts.input.focus();
		parts.input.select();
	}

	function endSearch() {
		setSearch("", state.ignoreCase);
		openSearch(false);
		saveState(false);
		focusCell(cells[focused].shown ? cells[focused] : cells[state.zoom]);
	}

	// ---- orientation ----

	function setFlame(flame) {
		state.flame = flame;
		parts.flip.setAttribute("aria-pressed", String(flame));
		layout();
		if (standalone)
			window.scrollTo(0, flame ? HEIGHT : 0);
	}

	function flip() {
		setFlame(!state.flame);
		saveState(false);
	}

	// ---- state in the address: #zoom=12&search=parse&case=ignore&view=flame ----
	// view: flame or icicle, when it is not as the file was made.

	function saveState(step) {
		const q = new URLSearchParams();
		if (state.zoom)
			q.set("zoom", state.zoom);
		if (state.query)
			q.set("search", state.query);
		if (state.ignoreCase)
			q.set("case", "ignore");
		if (state.flame !== FLAME)
			q.set("view", state.flame ? "flame" : "icicle");
		const hash = "#" + q.toString();
		try {
			if (step)
				history.pushState(null, "", hash);
			else
				history.replaceState(null, "", hash);
		} catch (e) {
			location.replace(hash);
		}
	}

	function loadState() {
		const q = new URLSearchParams(location.hash.slice(1));
		const at = Number(q.get("zoom"));
		const c = Number.isInteger(at) && cells[at] && !cells[at].hidden ? cells[at] : cells[0];
		const view = q.get("view");
		const flame = view === "flame" || (FLAME && view !== "icicle");
		if (state.flame !== flame)
			setFlame(flame);
		setZoom(c);
		setSearch(q.get("search") || "", q.get("case") === "ignore");
		openSearch(searchOpen || Boolean(state.query));
	}

	// ---- keyboard ----

	function focusCell(c) {
		cells[focused].g.setAttribute("tabindex", -1);
		focused = c.index;
		c.g.setAttribute("tabindex", 0);
		c.g.focus({ preventScroll: true });
		if (!standalone)
			return;
		const r = c.rect.getBoundingClientRect();
		if (r.top < HEAD)
			window.scrollBy(0, r.top - HEAD - ROW);
		else if (r.bottom > window.innerHeight)
			window.scrollBy(0, r.bottom - window.innerHeight + ROW);
	}

	// The widest child: where the time goes.
	function childOf(c) {
		let best = null;
		for (let i = c.index + 1; i < c.end; i = cells[i].end)
			if (cells[i].shown && (!best || cells[i].w > best.w))
				best = cells[i];
		return best;
	}

	function besideOf(c, step) {
		const row = rows[c.depth];
		for (let i = c.column + step; row[i]; i += step)
			if (row[i].shown)
				return row[i];
		return null;
	}

	function moveFrom(c, key) {
		if (key === "ArrowLeft" || key === "ArrowRight")
			return besideOf(c, key === "ArrowLeft" ? -1 : 1);
		if (key === "Home")
			return cells[0];
		const away = state.flame ? "ArrowUp" : "ArrowDown";
		return key === away ? childOf(c) : c.parent;
	}

	const MOVES = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home"];

	function onCellKey(event) {
		const c = cells[focused];
		const on = document.activeElement === c.g;
		if (event.ctrlKey || event.metaKey || event.altKey)
			return;
		if (MOVES.includes(event.key)) {
			const to = on && c.shown ? moveFrom(c, event.key) : cells[state.zoom];
			if (to)
				focusCell(to);
			event.preventDefault();
		} else if (on && (event.key === "Enter" || event.key === " ")) {
			zoom(c);
			event.preventDefault();
		} else if (event.key === "/") {
			startSearch();
			event.preventDefault();
		}
	}

	function onKey(event) {
		const typing = event.target === parts.input;
		const find = event.key === "F3" || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f");
		if (find) {
			startSearch();
			event.preventDefault();
		} else if (event.key === "Escape") {
			if (typing || (!state.zoom && searchOpen))
				endSearch();
			else
				reset();
			event.preventDefault();
		} else if (!typing) {
			onCellKey(event);
		}
	}

	// ---- the buttons ----

	const parts = {};
	const legend = head.querySelector(".legend");
	const doing = head.querySelector(".doing");
	let legendWidth = 0, doingEnd = 0;

	function bar(y) {
		const f = element(SVG, "foreignObject", { x: 0, y, width: 100, height: 32 }, head);
		return [f, element(HTML, "div", { class: "bar" }, f)];
	}

	function button(parent, text, tip, action) {
		const b = element(HTML, "button", { type: "button", title: tip }, parent);
		b.textContent = text;
		b.addEventListener("click", action);
		return b;
	}

	function buildButtons() {
		const [buttons, row] = bar(11);
		parts.buttons = buttons;
		parts.reset = button(row, "Reset zoom", "Show everything again (Esc)", reset);
		parts.reset.hidden = true;
		parts.flip = button(row, "Flip", "Root at the bottom or at the top", flip);
		parts.flip.setAttribute("aria-pressed", "false");
		parts.find = button(row, "Search", "Find functions by regular expression (Ctrl-F, F3)",
			() => searchOpen ? endSearch() : startSearch());
		const [field, line] = bar(57);
		parts.search = field;
		parts.share = element(HTML, "span", { class: "share", role: "status", "aria-live": "polite" }, line);
		parts.input = element(HTML, "input", {
			type: "text", placeholder: "regular expression", "aria-label": "search, a regular expression",
			spellcheck: "false", autocomplete: "off"
		}, line);
		parts.input.addEventListener("input", () => {
			setSearch(parts.input.value, state.ignoreCase);
			saveState(false);
		});
		parts.ignore = button(line, "Ignore case", "Upper and lower case are the same", () => {
			setSearch(state.query, !state.ignoreCase);
			saveState(false);
		});
		parts.ignore.setAttribute("aria-pressed", "false");
		parts.status = element(SVG, "text", { class: "status", x: PAD, y: 76 }, head);
		parts.ring = element(SVG, "rect", { class: "ring" });
		svg.insertBefore(parts.ring, head);
		legendWidth = legend.getBBox().width;
		if (doing)
			doingEnd = doing.getBBox().x + doing.getBBox().width;
	}

	function listen() {
		box.addEventListener("click", (event) => {
			const c = cellOf(event.target);
			if (c) {
				focusCell(c);
				zoom(c);
			}
		});
		box.addEventListener("mouseover", (event) => point(cellOf(event.target)));
		box.addEventListener("mouseleave", () => point(null));
		box.addEventListener("focusin", (event) => {
			const c = cellOf(event.target);
			point(c);
			layoutRing();
		});
		box.addEventListener("focusout", () => {
			point(null);
			layoutRing();
		});
		(standalone ? window : svg).addEventListener("keydown", onKey);
		window.addEventListener("popstate", loadState);
		window.addEventListener("hashchange", loadState);
		window.addEventListener("resize", resize);
		if (standalone)
			window.addEventListener("scroll", stick);
	}

	readCells();
	buildButtons();
	openSearch(false);
	measureLetter();
	if (!fixed)
		svg.setAttribute("width", "100%");
	listen();
	resize();
	// A root at the bottom is what is to be seen first.
	if (FLAME)
		setFlame(true);
	loadState();
})();
