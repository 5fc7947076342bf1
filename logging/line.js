// One line of a log becomes one document. Runs inside Filebeat (ECMAScript 5.1): `line` is what its JSON parser made of
// the line, `message` the text of a line that is no JSON. What a process or an author wrote can never fail here: a value
// of the wrong kind is turned into text, a field that is not known goes to `extra`, a line that is not understood stays text.
var TASK = /\/dag_id=([^\/]+)\/run_id=([^\/]+)\/task_id=([^\/]+)\/(?:map_index=(\d+)\/)?attempt=(\d+)\.log(?:\.trigger\.(\d+)\.log)?$/;
var DAG_FILE = /\/(?:dag_processor\/\d{4}-\d\d-\d\d\/([^\/]+)|scheduler\/\d{4}-\d\d-\d\d)\/(.+)\.log$/;
var STAMP = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\d*(?:Z|([+-])(\d\d):?(\d\d))?$/;
// 2.11: [2026-11-22T05:30:28.452+0000] {python.py:240} INFO - text
var PLAIN2 = /^\[([^\]]{19,40})\] \{([^}]*):(\d+)\} ([A-Z]+) - ([\s\S]*)$/;
// 3.x on a console: 2026-11-22T05:23:55.288549Z [info     ] text [logger] key=value
var PLAIN3 = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) \[(\w+) *\] ([\s\S]*)$/;
var COLOUR = /\x1b\[[0-9;]*m/g;
var LEVELS = {warn: "warning", exception: "error", fatal: "critical", notset: "debug", trace: "debug"};
var TEXTS = ["event", "logger", "filename", "ti_id", "chan"];
var IDENTITY = {dag_id: 1, run_id: 1, task_id: 1, map_index: 1, try_number: 1};
var LONGEST = 1 << 17;
var settings = {}, dags = {}, teams = [];

function register(params) {
    var i;
    settings = params;
    // With a colon before it, no DAG is called as what every object has.
    for (i = 0; i < params.dags.length; i++) { dags[":" + params.dags[i][0]] = params.dags[i]; }
    for (i = 0; i < params.teams.length; i++) {
        teams.push({name: params.teams[i].team, dag: new RegExp(params.teams[i].dag)});
    }
}

function process(event) {
    try { read(event); } catch (error) {
        event.Tag("not_understood");
        event.Put("event", text(event.Get("message") || event.Get("line")));
        event.Delete("line");
        undated(event);
    }
}

function read(event) {
    var path = String(event.Get("log.file.path")), line = event.Get("line"), message = event.Get("message");
    var source = event.Get("source"), stamp = null;
    // What names the file, for the document's id. A component's file is rotated: it has another path later.
    event.Put("@metadata.place", source === null ? path : source + text(event.Get("journald.custom.cursor") || ""));
    if (source === null) { identify(event, path); }
    if (line !== null) {
        stamp = structured(event, line);
        event.Delete("line");
        event.Delete("message");
    } else {
        stamp = plain(event, String(message));
    }
    date(event, stamp, event.Get("log.offset"));
}

// Who wrote it: the path says so of every line, the line itself only of some.
function identify(event, path) {
    var part = TASK.exec(path);
    if (part !== null) {
        var index = part[4] ? parseInt(part[4], 10) : -1;
        event.Put("dag_id", part[1]);
        event.Put("run_id", part[2]);
        event.Put("task_id", part[3]);
        event.Put("map_index", index);
        event.Put("try_number", parseInt(part[5], 10));
        event.Put("log_id", [part[1], part[3], part[2], index, part[5]].join("-"));
        event.Put("source", part[6] ? "trigger" : "task");
        if (part[6]) { event.Put("trigger_job", parseInt(part[6], 10)); }
        whose(event, part[1]);
        return;
    }
    part = DAG_FILE.exec(path);
    if (part !== null) {
        event.Put("source", "dag-processor");
        if (part[1]) { event.Put("bundle", part[1]); }
        event.Put("dag_file", part[2]);
    }
}

function whose(event, dag) {
    var known = dags[":" + dag];
    if (known && known[2].length) { event.Put("owner", known[2]); }
    if (known && known[1]) { event.Put("team", known[1]); return; }
    for (var i = 0; i < teams.length; i++) {
        if (teams[i].dag.test(dag)) { event.Put("team", teams[i].name); return; }
    }
}

// A JSON line; returns its time, as text.
function structured(event, line) {
    var extra = {}, some = false, room = LONGEST, name, value;
    for (name in line) {
        value = line[name];
        if (value === undefined || IDENTITY[name] || name === "timestamp" || name === "level"
            || name === "event" || name === "logger" || name === "filename" || name === "lineno" || name === "ti_id"
            || name === "chan" || name === "error_detail" || (name === "offset" || name === "log_id")) { continue; }
        value = sane(value, name);
        room -= name.length + (typeof value === "string" ? value.length : JSON.stringify(value).length);
        if (room <= 0) { event.Tag("cut"); break; }
        extra[clean(name)] = value;
        some = true;
    }
    if (some) { event.Put("extra", extra); }
    for (var i = 0; i < TEXTS.length; i++) {
        value = line[TEXTS[i]];
        if (value !== null && value !== undefined) { put(event, TEXTS[i], text(value)); }
    }
    // What logs without structlog calls it `message`: 2.11's JSON form, a sidecar, a library.
    if (line.event === undefined && line.message !== undefined) { put(event, "event", text(line.message)); delete extra.message; }
    if (event.Get("event") === null) { event.Put("event", ""); }
    if (/^-?\d{1,9}$/.test(String(line.lineno))) { event.Put("lineno", parseInt(line.lineno, 10)); }
    level(event, line.level || line.levelname);
    failure(event, line.error_detail);
    return line.timestamp || line.asctime;
}

// A line of plain text, with the lines that belong to it.
function plain(event, message) {
    var bare = clean(message.indexOf("\x1b") < 0 ? message : message.replace(COLOUR, "")), part = PLAIN2.exec(bare);
    event.Delete("message");
    if (part !== null) {
        put(event, "event", part[5]);
        put(event, "message", clean(message));
        event.Put("filename", part[2]);
        event.Put("lineno", parseInt(part[3], 10));
        level(event, part[4]);
        traceback(event, part[5]);
        return part[1];
    }
    part = PLAIN3.exec(bare);
    if (part !== null) {
        put(event, "event", part[3]);
        level(event, part[2]);
        return part[1];
    }
    put(event, "event", bare);
    if (settings.json) { event.Tag("not_json"); }
    return null;
}

function level(event, value) {
    var name = String(value || "").toLowerCase();
    if (name) { event.Put("level", cut(LEVELS[name] || name, 64)); }
}

// The exception, as far as one searches for it; the frames stay in `error_detail`, which is kept but not indexed.
function failure(event, detail) {
    if (detail === null || detail === undefined) { return; }
    var kept = sane(detail, ""), first = detail[0];
    if (typeof kept !== "object" || JSON.stringify(kept).length > LONGEST) {
        event.Tag("cut");
        put(event, "error.message", text(detail));
        return;
    }
    event.Put("error_detail", kept);
    if (!first || typeof first !== "object") { return; }
    if (first.exc_type) { event.Put("error.type", cut(text(first.exc_type), 1024)); }
    if (first.exc_value) { put(event, "error.message", text(first.exc_value)); }
    var frames = first.frames, last = frames && frames.length ? frames[frames.length - 1] : null;
    if (last) { event.Put("error.frame", cut(text(last.filename) + ":" + text(last.lineno) + " " + text(last.name), 1024)); }
}

function traceback(event, all) {
    if (all.indexOf("Traceback (most recent call last)") < 0) { return; }
    var lines = all.split("\n"), i, part;
    for (i = lines.length - 1; i >= 0; i--) {
        part = /^([A-Za-z_][\w.]*)(?:: ([\s\S]*))?$/.exec(lines[i]);
        if (part !== null) {
            event.Put("error.type", part[1].split(".").pop());
            if (part[2]) { put(event, "error.message", part[2]); }
            break;
        }
    }
    for (; i >= 0; i--) {
        part = /^  File "([^"]+)", line (\d+), in (.+)$/.exec(lines[i]);
        if (part !== null) { event.Put("error.frame", part[1] + ":" + part[2] + " " + part[3]); return; }
    }
}

// Time, order and index. `offset` is a time in nanoseconds whose lower digits are the place in the file: unique and in
// order for who sorts by one field; text, because a number of that size is rounded by JavaScript.
function date(event, stamp, place) {
    var part = typeof stamp === "string" ? STAMP.exec(stamp) : null;
    if (part === null) { undated(event); return; }
    var seconds = Date.UTC(+part[1], part[2] - 1, +part[3], +part[4], +part[5], +part[6]) / 1000;
    if (part[8]) { seconds -= (part[8] === "-" ? -60 : 60) * (60 * part[9] + +part[10]); }
    var age = Date.now() / 1000 - seconds;
    if (!(age > -86400 && age < settings.oldest)) { event.Tag("out_of_time"); undated(event); return; }
    var fine = ((part[7] || "") + "000000").slice(0, 6), iso = new Date(seconds * 1000).toISOString();
    event.Put("timestamp", iso.slice(0, 19) + "." + fine + "Z");
    event.Put("offset", String(seconds) + ((part[7] || "").length > 3 ? fine + order(place, 3) : fine.slice(0, 3) + order(place, 6)));
    event.Put("@metadata.day", iso.slice(0, 10).replace(/-/g, "."));
}

function undated(event) {
    event.Put("offset", String(Date.now()) + order(event.Get("log.offset"), 6));
    event.Put("@metadata.day", "undated");
}

// No line is shorter than 32 bytes, so two lines of one moment differ here.
function order(place, digits) {
    var turn = String(Math.floor((place || 0) / 32) % Math.pow(10, digits));
    return ("000000" + turn).slice(-digits);
}

function put(event, field, value) {
    if (value.length > LONGEST) { event.Tag("cut"); }
    event.Put(field, mask(cut(value, LONGEST)));
}

function text(value) { return clean(typeof value === "string" ? value : JSON.stringify(value)); }

function cut(value, longest) { return value.length > longest ? value.slice(0, longest) : value; }

function clean(value) { return value.indexOf("\u0000") < 0 ? value : value.replace(/\u0000/g, "\ufffd"); }

// The same value without secrets and NUL, and not deeper than Elasticsearch takes it.
function sane(value, name) {
    if (value === null || typeof value !== "object") { return copy(value, name); }
    return deeper(value, 15) ? mask(cut(text(value), 32000)) : copy(value, name);
}

function copy(value, key) {
    var made, name, i;
    // What is called a password is one, whatever it looks like; a number of that name is a count.
    if (typeof value === "string") { return key && value && NAME.test(key) ? "***" : mask(cut(clean(value), LONGEST)); }
    if (value === null || typeof value !== "object") { return value; }
    if (typeof value.length === "number" && value.slice) {
        made = [];
        for (i = 0; i < value.length; i++) { made.push(copy(value[i], key)); }
        return made;
    }
    made = {};
    for (name in value) { made[clean(name)] = copy(value[name], name); }
    return made;
}

function deeper(value, room) {
    if (value === null || typeof value !== "object") { return false; }
    if (room === 0) { return true; }
    for (var name in value) { if (deeper(value[name], room - 1)) { return true; } }
    return false;
}

function mask(value) {
    if (!HINT.test(value)) { return value; }
    for (var i = 0; i < SECRETS.length; i++) { value = value.replace(SECRETS[i].look, masked(SECRETS[i])); }
    return value;
}

function masked(secret) {
    return function () { return (secret.keep && arguments[secret.keep] || "") + (secret.quote && arguments[secret.quote] || "") + "***"; };
}
