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
// What the name of a rotated file ends with.
var ROTATED = /(?:\.[a-z]+)?(?:[.-]\d[\dTZ:.-]*)?$/;
var NUMBER = /^-?\d{1,9}$/;
var COLOUR = /\x1b\[[0-9;]*m/g;
var LEVELS = bare({warn: "warning", exception: "error", fatal: "critical", notset: "debug", trace: "debug"});
var NAMES = ["logger", "filename", "ti_id", "chan"];
// Of a JSON line: what is read by its name. All else is an author's, and goes to `extra`.
var OWN = bare({event: 1, logger: 1, filename: 1, ti_id: 1, chan: 1, timestamp: 1, level: 1, error_detail: 1, windsock_path: 1});
var TEXT = 1, COUNT = 2;
var IDENTITY = bare({dag_id: TEXT, run_id: TEXT, task_id: TEXT, log_id: TEXT, map_index: COUNT, try_number: COUNT});
// Characters of a text, of a name, and of all texts of a document: with six bytes each, what Filebeat sends at once, 50
// documents, stays below the 100 MiB that Elasticsearch takes. A request that is larger is tried for ever.
var LONGEST = 1 << 17, LONGEST_NAME = 4096, LARGEST = 1 << 18;
// Of a key: with all those above it, it has to stay below what Lucene takes for a term, 32,766 bytes.
var LONGEST_KEY = 256;
var room = 0; // what is left of LARGEST
var settings = {}, dags = bare({}), teams = [];

// A table without what every object has: a field, a level or a DAG may be called `constructor`.
function bare(value) {
    var made = Object.create(null), name;
    for (name in value) { made[name] = value[name]; }
    return made;
}

function register(params) {
    var i;
    settings = params;
    for (i = 0; i < params.dags.length; i++) { dags[params.dags[i][0]] = params.dags[i]; }
    for (i = 0; i < params.teams.length; i++) {
        teams.push({name: params.teams[i].team, dag: new RegExp(params.teams[i].dag)});
    }
}

function process(event) {
    room = LARGEST;
    try { read(event); } catch (error) {
        event.Tag("not_understood");
        event.Put("event", cut(text(event.Get("message") || event.Get("line")), LONGEST));
        event.Delete("line");
        undated(event, null);
    }
}

function read(event) {
    var path = String(event.Get("log.file.path")), line = event.Get("line"), message = event.Get("message");
    var source = event.Get("source"), stamp = null, task = source === null ? named(path) : null;
    // What names the file, for the document's id. What a component prints is rotated: its file has another path later.
    event.Put("@metadata.place", source === null ? path
        : source + (event.Get("journald.custom.cursor") || path.replace(ROTATED, "")));
    // A pod prints what its task logs: windsock.logging.pods says in each line which file it would stand in.
    if (task === null && line !== null) { task = named("/" + line.windsock_path); }
    if (task !== null) {
        identify(event, task);
    } else if (source === null) {
        parsing(event, path);
    }
    if (line !== null) {
        stamp = structured(event, line, task);
        event.Delete("line");
        event.Delete("message");
    } else {
        stamp = plain(event, String(message));
    }
    date(event, stamp, event.Get("log.offset"));
}

// Who writes to a file of this name: the path says so of every line, the line itself only of some. Null: no task does.
function named(path) {
    var part = TASK.exec(path);
    if (part === null) { return null; }
    var index = part[4] ? parseInt(part[4], 10) : -1;
    return {
        dag_id: part[1], run_id: part[2], task_id: part[3], map_index: index, try_number: parseInt(part[5], 10),
        log_id: [part[1], part[3], part[2], index, part[5]].join("-"), job: part[6]
    };
}

function identify(event, task) {
    for (var name in IDENTITY) { event.Put(name, task[name]); }
    event.Put("source", task.job ? "trigger" : "task");
    if (task.job) { event.Put("trigger_job", parseInt(task.job, 10)); }
    whose(event, task.dag_id);
}

function parsing(event, path) {
    var part = DAG_FILE.exec(path);
    if (part === null) { return; }
    event.Put("source", "dag-processor");
    if (part[1]) { event.Put("bundle", part[1]); }
    event.Put("dag_file", part[2]);
}

function whose(event, dag) {
    var known = dags[dag];
    if (known && known[2].length) { event.Put("owner", known[2]); }
    if (known && known[1]) { event.Put("team", known[1]); return; }
    for (var i = 0; i < teams.length; i++) {
        if (teams[i].dag.test(dag)) { event.Put("team", teams[i].name); return; }
    }
}

// A JSON line; returns its time, as text. `task` is whose it is, null where only the line itself may say that.
function structured(event, line, task) {
    var extra = {}, some = false, left = LONGEST, name, value;
    for (name in line) {
        value = line[name];
        if (value === undefined || OWN[name] || says(event, name, value, task)
            || (name === "lineno" && NUMBER.test(value)) || (name === "message" && line.event === undefined)) { continue; }
        if (left > 0) {
            value = sane(value, name);
            left -= name.length + (typeof value === "string" ? value.length : JSON.stringify(value).length);
            if (left <= 0 || name.length > LONGEST_KEY) { event.Tag("cut"); }
        }
        if (left <= 0) { continue; }
        extra[cut(clean(name), LONGEST_KEY)] = value;
        some = true;
    }
    room -= LONGEST - Math.max(left, 0);
    if (task === null) {
        // Only what writes a task's log knows its id.
        if (event.Get("log_id") !== null) { event.Put("source", "task"); }
        if (event.Get("dag_id") !== null) { whose(event, event.Get("dag_id")); }
    }
    if (some) { event.Put("extra", extra); }
    // What logs without structlog calls it `message`: 2.11's JSON form, a sidecar, a library.
    value = line.event === undefined ? line.message : line.event;
    put(event, "event", value === undefined || value === null ? "" : text(value));
    for (var i = 0; i < NAMES.length; i++) {
        value = line[NAMES[i]];
        if (value !== null && value !== undefined) { shorten(event, NAMES[i], text(value), LONGEST_NAME); }
    }
    if (NUMBER.test(line.lineno)) { event.Put("lineno", parseInt(line.lineno, 10)); }
    level(event, line.level || line.levelname);
    failure(event, line.error_detail);
    return line.timestamp || line.asctime;
}

// Whether a field is the identity that its name says: the task's own, or, where nothing else says whose the line is, what
// the line says. Another is an author's.
function says(event, name, value, task) {
    if (!IDENTITY[name]) { return false; }
    if (value === null) { return true; }
    if (task !== null) { return String(value) === String(task[name]); }
    if (IDENTITY[name] === COUNT) {
        if (!NUMBER.test(value)) { return false; }
        event.Put(name, parseInt(value, 10));
    } else {
        if (typeof value !== "string" || value === "") { return false; }
        shorten(event, name, clean(value), LONGEST_NAME);
    }
    return true;
}

// A line of plain text, with the lines that belong to it.
function plain(event, message) {
    var uncoloured = clean(message.indexOf("\x1b") < 0 ? message : message.replace(COLOUR, "")), part = PLAIN2.exec(uncoloured);
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
    part = PLAIN3.exec(uncoloured);
    if (part !== null) {
        put(event, "event", part[3]);
        level(event, part[2]);
        return part[1];
    }
    put(event, "event", uncoloured);
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
    var kept = sane(detail, ""), first = detail[0], size = JSON.stringify(kept).length;
    if (typeof kept !== "object" || size > Math.min(LONGEST, room)) {
        event.Tag("cut");
        put(event, "error.message", text(detail));
        return;
    }
    room -= size;
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
    if (part === null) { undated(event, stamp); return; }
    var seconds = Date.UTC(+part[1], part[2] - 1, +part[3], +part[4], +part[5], +part[6]) / 1000;
    if (part[8]) { seconds -= (part[8] === "-" ? -60 : 60) * (60 * part[9] + +part[10]); }
    var age = Date.now() / 1000 - seconds;
    if (!(age > -86400 && age < settings.oldest)) { event.Tag("out_of_time"); undated(event, stamp); return; }
    var fine = ((part[7] || "") + "000000").slice(0, 6), iso = new Date(seconds * 1000).toISOString();
    event.Put("timestamp", iso.slice(0, 19) + "." + fine + "Z");
    event.Put("offset", String(seconds) + ((part[7] || "").length > 3 ? fine + order(place, 3) : fine.slice(0, 3) + order(place, 6)));
    event.Put("@metadata.day", iso.slice(0, 10).replace(/-/g, "."));
}

// `stamp`: what the line has for a time, if anything.
function undated(event, stamp) {
    if (stamp !== null && stamp !== undefined) { event.Put("extra.timestamp", sane(stamp, "")); }
    event.Put("offset", String(Date.now()) + order(event.Get("log.offset"), 6));
    event.Put("@metadata.day", "undated");
}

// No line is shorter than 32 bytes, so two lines of one moment differ here.
function order(place, digits) {
    var turn = String(Math.floor((place || 0) / 32) % Math.pow(10, digits));
    return ("000000" + turn).slice(-digits);
}

// A text takes of the document's room; a name is short.
function put(event, field, value) {
    var most = Math.min(LONGEST, room);
    room -= Math.min(value.length, most);
    shorten(event, field, value, most);
}

function shorten(event, field, value, most) {
    if (value.length > most) { event.Tag("cut"); }
    event.Put(field, mask(cut(value, most)));
}

function text(value) { return clean(typeof value === "string" ? value : JSON.stringify(value)); }

function cut(value, longest) { return value.length > longest ? value.slice(0, longest) : value; }

function clean(value) { return value.indexOf("\u0000") < 0 ? value : value.replace(/\u0000/g, "\ufffd"); }

// The same value without secrets and NUL, and neither deeper nor with longer keys than Elasticsearch takes it.
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

// Never returns from inside of its loop: Filebeat's interpreter (goja, seen in 7.17.29) then ends the caller's for-in, too.
function deeper(value, room) {
    var found = false, name;
    if (value === null || typeof value !== "object") { return false; }
    if (room === 0) { return true; }
    for (name in value) { found = found || name.length > LONGEST_KEY || deeper(value[name], room - 1); }
    return found;
}

// As windsock.redaction does it: words are looked for, and a form is tried at each of them and nowhere else.
function mask(value) {
    var spans = [], lower = value.replace(/\u0130/g, "i").toLowerCase(), i;
    for (i = 0; i < TABLES.length; i++) {
        if (TABLES[i].needs.test(value)) { seek(value, TABLES[i].lower ? lower : value, TABLES[i].words, spans); }
    }
    if (spans.length) { value = masked(value, spans); }
    for (i = 0; i < OWN_SECRETS.length; i++) { value = without(value, OWN_SECRETS[i]); }
    return value;
}

function seek(value, within, words, spans) {
    var i, j, at, first, word, span;
    for (i = 0; i < words.length; i++) {
        word = words[i][0];
        first = within.indexOf(word);
        if (first < 0) { continue; }
        for (j = 0; j < words[i][1].length; j++) {
            for (at = first; at >= 0; at = within.indexOf(word, Math.max(span ? span[1] : 0, at + word.length))) {
                span = secret(value, at, FORMS[words[i][1][j]]);
                if (span) { spans.push(span); }
            }
        }
    }
}

function secret(value, at, form) {
    var found = form.look.exec(value.substr(at, form.window)), begin, end, opening, stands, i, rest;
    if (found === null) { return null; }
    begin = at + found[1].length;
    end = begin + found[2].length;
    opening = OPENING.exec(found[2]);
    if (opening !== null && opening[0] === found[2] && found[2].charAt(0) === '$') { opening = null; }
    if (opening !== null) { begin += opening[0].length; }
    rest = value.slice(begin, end);
    if (begin === end || (form.unless && form.unless.test(rest)) || (form.code && opening === null && form.code.test(rest))
        || (form.harmless && form.harmless.test(found[1]))) { return null; }
    for (i = 0; i < form.before.length; i++) {
        stands = form.before[i].exec(value.slice(Math.max(at - BEHIND, 0), at));
        if (stands === null) { return null; }
        if (stands.length > 1) { begin = at - stands[1].length; }
    }
    if (end === at + form.window) { end += REST.exec(value.slice(end))[0].length; }
    return [begin, end];
}

function masked(value, spans) {
    var parts = [], done = 0, i;
    spans.sort(function (one, other) { return one[0] - other[0]; });
    for (i = 0; i < spans.length; i++) {
        if (spans[i][0] > done || i === 0) { parts.push(value.slice(done, spans[i][0]), "***"); }
        done = Math.max(done, spans[i][1]);
    }
    return parts.join("") + value.slice(done);
}

// Patterns of one's own, in pieces: what takes a square of time takes it of a piece.
function without(value, own) {
    var parts = [], done = 0, start = 0, found, begin, end;
    while (start < value.length) {
        found = own.look.exec(value.substr(start, PIECE));
        if (found === null) { start += start + PIECE < value.length ? PIECE - OVERLAP : PIECE; continue; }
        begin = start + found.index;
        end = begin + found[0].length;
        if (end === start + PIECE && end < value.length && begin > start) { start = begin; continue; } // may go on behind the piece
        parts.push(value.slice(done, begin), own.keep && found[own.keep] || "", "***");
        done = end;
        start = Math.max(end, begin + 1);
    }
    return parts.join("") + value.slice(done);
}
