const live = document.getElementById("live"), say = live.dataset, head = JSON.parse(say.head);
const button = live.querySelector("button"), status = live.querySelector("[role=status]"), section = document.getElementById("events").parentElement;
const most = 200;
let source, mark = say.mark, count = 0;
const make = (name, about, ...parts) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(about)) made.setAttribute(key, value);
  made.append(...parts.filter(part => part));
  return made;
};
const hint = text => text && make("span", {class: "hint"}, text);
const who = (name, {id, label, via}) => label ? make("a", {href: "?" + name + "=" + id}, label) : via === "operator" && say.operator;
const list = () => {
  const body = section.querySelector("tbody");
  if (body) return body;
  const fresh = make("tbody", {role: "rowgroup"}), columns = head.map(text => make("th", {role: "columnheader", scope: "col"}, text));
  section.querySelector("p")?.replaceWith(make("table", {role: "table", "aria-label": say.title},
    make("thead", {role: "rowgroup"}, make("tr", {role: "row"}, ...columns)), fresh));
  return fresh;
};
const add = e => {
  if (document.getElementById("event-" + e.id)) return;
  const at = e.at.slice(0, 16).replace("T", " ") + " UTC", details = Object.keys(e.details).length && JSON.stringify(e.details);
  const cells = [
    [make("time", {datetime: e.at}, at)],
    [e.kind, e.result !== "success" && " ", e.result !== "success" && make("span", {class: "badge bad"}, e.result), hint(e.method), hint(details)],
    [who("account", e.account)], [who("actor", e.actor)], [e.ip, hint((e.browser + " " + e.os).trim())],
  ];
  const body = list();
  body.prepend(make("tr", {role: "row", id: "event-" + e.id}, ...cells.map((parts, i) => make("td", {role: "cell", "data-label": head[i]}, ...parts))));
  while (body.rows.length > most) body.lastElementChild.remove();
  count++;
  tell(say.on);
};
const tell = text => { status.textContent = count ? text + " " + say.count + " " + count : text; };
const stop = text => {
  source?.close();
  source = undefined;
  button.setAttribute("aria-pressed", "false");
  tell(text);
};
const start = () => {
  source = new EventSource(say.from + "last_event_id=" + mark);
  button.setAttribute("aria-pressed", "true");
  tell(say.again);
  source.onopen = () => tell(say.on);
  source.onmessage = told => {
    mark = told.lastEventId;
    add(JSON.parse(told.data));
  };
  source.onerror = () => source.readyState === EventSource.CLOSED ? stop(say.lost) : tell(say.again);
};
button.addEventListener("click", () => source ? stop(say.off) : start());
live.hidden = false;
