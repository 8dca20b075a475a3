// Access control, for a stage that is not open to everybody or has keys. S3 serves every picture in its bucket without
// a check, so this code sends only allowed requests to S3. It follows viewer-request.js, which parses the query.
// Keys, presets and the derivatives that they open are in the key-value store, whose reads are asynchronous: this code
// throws the name of a missing item, and runs again after the item was read.

// Matches one character of a text that encodeURIComponent has encoded, however the engine counts characters.
var CHARACTER = '(?:[^%]|%[0-7].|%[CD].{4}|%E.{7}|%F.{10})';

var known;

// `read` has the items that were read from the store so far. If one is missing, the result names it as `item`.
function guarded(event, toApi, read) {
    var request = event.request;
    known = read;
    delete request.headers[ACCESS_HEADER];
    return answer(event, toApi, function (uri, pairs, offered) {
        expect(pairs.reduce(sum, 0) <= QUERY_BYTES);
        var claim = claimOf(pairs);
        var rest = pairs.filter(function (pair) {
            return !has(SIGNING, pair[0]);
        });
        if (claim.mark) {
            var keys = item(KEYS);
            expect(keys);
            admit(!(claim.expires < Date.now() / 1000), EXPIRED);
            admit(claim.s ? isImgix(claim.s, spelled(request), keys) : isOurs(claim, meant(uri, rest, claim), keys), WRONG);
            request.headers[ACCESS_HEADER] = { value: SIGNED };
        }
        read.path = read.path || ownPath(uri, rest, offered);
        admit((claim.mark && SIGNATURE_OPENS) || isOpen(read.path), CLOSED);
        return read.path;
    });
}

function item(name) {
    if (!owns(known, name)) throw { item: name };
    return known[name];
}

function presetOf(name) {
    var texts = item(PRESET + name);
    expect(texts);
    return texts;
}

function claimOf(pairs) {
    var claim = {};
    pairs.forEach(function (pair) {
        if (!has(SIGNING, pair[0])) return;
        expect(!owns(claim, pair[0]));
        claim[pair[0]] = pair[1];
    });
    var given = Object.keys(claim);
    expect(!has(given, 's') || !has(given, 'sig'));
    expect(!has(given, 'expires') || (given[1] && /^\d{1,12}$/.test(claim.expires)));
    claim.mark = claim.s || claim.sig;
    return claim;
}

function spelled(request) {
    var query = request.rawQueryString().split('&').filter(function (part) {
        return !/^s(=|$)/.test(part);
    }).join('&');
    return request.uri + (query && '?' + query);
}

function isImgix(mark, text, keys) {
    // Against length extension: the md5 of a text gives that of longer texts, but these have unprintable bytes.
    return /^[!-~]+$/.test(text) && Object.keys(keys).filter(function (id) {
        return same(mark, crypto.createHash('md5').update(keys[id] + text).digest('hex'));
    })[0];
}

function isOurs(claim, text, keys) {
    var parts = claim.sig.split('.');
    return owns(keys, parts[0]) && same(
        parts.slice(1).join('.'), crypto.createHmac('sha256', keys[parts[0]]).update(text).digest('base64url')
    );
}

function meant(uri, pairs, claim) {
    var canonical = canonicalText(parsed(pairs.filter(isParameter)));
    return '/' + unquoted(uri.slice(1)) + '?' + pairs.filter(isPreset).map(function (pair) {
        return pair.join('=');
    }).concat(canonical || [], claim.expires ? 'expires=' + claim.expires : []).join('&');
}

function same(received, expected) {
    var differing = received.length ^ expected.length;
    for (var at = 0; at < expected.length; at += 1) differing |= received.charCodeAt(at) ^ expected.charCodeAt(at);
    return !differing;
}

function isOpen(path) {
    if (!CLOSED) return true;
    var parts = /^\/(.+)\/(.+\.(.+))$/.exec(path);
    var original = unquoted(parts[1]);
    return OPENS && (item(OPEN + parts[2]) || []).some(function (row) {
        return (!row[1] || isLike(original, row[1])) && [[]].concat(AHEAD).some(function (form) {
            return chosen(row[0], original, [].concat(form)) === parts[3];
        });
    });
}

function isLike(original, pattern) {
    return RegExp('^(' + pattern.replace(/@/g, CHARACTER) + ')$').test(encodeURIComponent(original));
}

function admit(truth, sentence) {
    if (!truth) throw {
        statusCode: 403,
        headers: {
            'cache-control': { value: 'public, max-age=10' },
            'content-type': { value: 'application/json' }
        },
        body: JSON.stringify({ error: sentence })
    };
}
