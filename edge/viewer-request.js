// CloudFront's viewer-request function. It rewrites a query to the derivative's own path, so that every spelling of one
// transformation has one cache key, and S3 serves the picture without Lambda. A request that it does not understand
// goes unchanged to the API, which responds with the same picture if the request is valid, or else with an error
// sentence. The names in capitals that are not declared here come from the operations' declarations and presets.yaml:
// `make edge` puts them before this source, minifies it, and writes function.js. This is ES5, because the minifier's
// grammar accepts nothing newer.

var ORDER = [];
var PARAMETERS = {};
ROWS.forEach(function (row) {
    ORDER.push(row[0]);
    PARAMETERS[row[0]] = { kind: LIMITS[row[1]], needs: NEEDS[row[2]], default: row[3] };
});

function NotUnderstood() {}

// `pathOf` may throw a response, or an object that names the missing `item`. Without it, every request is allowed.
function answer(event, toApi, pathOf) {
    var request = event.request;
    if (!isReading(request)) {
        toApi();
        return request;
    }
    var offered = offeredBy(request.headers.accept ? request.headers.accept.value : '');
    try {
        request.uri = (pathOf || ownPath)(request.uri, pairsOf(request.querystring), offered);
        request.querystring = {};
        offered = [];
    } catch (reason) {
        if (reason.statusCode || reason.item) return reason;
        if (!(reason instanceof NotUnderstood)) console.log(String(reason));
        // Never to S3, which gives some queries its own meaning (response-content-type, versionId).
        toApi();
    }
    // Accept is in the cache key, so only formats that may still be chosen are kept. Without an Accept header, API
    // Gateway would respond in base64.
    request.headers.accept = { value: offered.map(contentType).join(',') || '*/*' };
    return request;
}

function isReading(request) {
    return request.method === 'GET' || request.method === 'HEAD';
}

function contentType(form) {
    return NEGOTIATED[form];
}

function offeredBy(accept) {
    var named = accept.toLowerCase().split(',').map(function (offer) {
        var at = (offer + ';').indexOf(';');
        return /^;\s*q\s*=\s*0(\.0*)?\s*$/.test(offer.slice(at)) ? '' : offer.slice(0, at).trim();
    });
    return AHEAD.filter(function (form) {
        return has(named, contentType(form));
    });
}

function pairsOf(querystring) {
    var pairs = [];
    Object.keys(querystring).forEach(function (name) {
        valuesOf(querystring[name]).forEach(function (text) {
            pairs.push([spaced(name), spaced(text)]);
        });
    });
    return pairs.filter(function (pair) {
        return !has(IGNORED, pair[0]);
    });
}

function valuesOf(entry) {
    return (entry.multiValue || [entry]).map(function (one) {
        return one.value;
    });
}

function spaced(text) {
    return unquoted(text.replace(/\+/g, ' '));
}

function unquoted(text) {
    try {
        return decodeURIComponent(text);
    } catch (malformed) {
        throw new NotUnderstood();
    }
}

function has(list, entry) {
    return list.indexOf(entry) >= 0;
}

function owns(object, name) {
    return Object.prototype.hasOwnProperty.call(object, name);
}

function bytes(text) {
    return encodeURIComponent(text).replace(/%../g, '.').length;
}

function expect(truth) {
    if (!truth) throw new NotUnderstood();
}

function ownPath(uri, pairs, offered) {
    var key = unquoted(uri.slice(1));
    expect(key && key.slice(0, 2) !== '-/' && !/(^|\/)\.{0,2}(\/|$)|[\x00-\x1f\x7f-\x9f]/.test(key));
    expect(pairs.reduce(sum, 0) <= QUERY_BYTES);
    var slash = key.lastIndexOf('/');
    var name = key.slice(slash + 1);
    var form = /^([a-z0-9-]+)=.*\.([a-z0-9]+)$/.exec(name);
    var byPath = form && slash > 0 && owns(PARAMETERS, form[1]) && owns(WRITTEN, form[2]);
    var original = byPath ? key.slice(0, slash) : key;
    expect(!byPath || !pairs.length);
    name = byPath ? named(name, form[2]) : asked(original, pairs, offered);
    expect(bytes(original + '/' + name) <= KEY_BYTES);
    return '/' + original.split('/').map(encodeURIComponent).join('/') + '/' + name;
}

function sum(before, pair) {
    return before + bytes(pair[0]) + bytes(pair[1]) + 2;
}

function named(name, format) {
    var texts = merged({}, [parsed(name.slice(0, -format.length - 1).split(',').map(pairOf))]);
    expect(!texts.fm && !texts.auto);
    return settled(texts, format);
}

function pairOf(part) {
    var at = (part + '=').indexOf('=');
    return [part.slice(0, at), part.slice(at + 1).replace(/(?:~[0-9A-F]{2})+/g, function (run) {
        return unquoted(run.replace(/~/g, '%'));
    })];
}

function asked(original, pairs, offered) {
    var names = pairs.filter(isPreset);
    expect(names.length < 2);
    var preset = names.length ? presetOf(names[0][1]) : {};
    var texts = merged(DEFAULTS, [preset, parsed(pairs.filter(isParameter))]);
    return settled(texts, chosen(texts, original, offered));
}

function chosen(texts, original, offered) {
    var auto = (texts.auto || '').split(',');
    var format = texts.fm || (has(auto, 'format') ? negotiated(original, offered) : natural(original));
    return format === 'png' && has(auto, 'compress') ? 'png8' : format;
}

function isPreset(pair) {
    return pair[0] === 'preset';
}

function isParameter(pair) {
    return !isPreset(pair);
}

function natural(key) {
    var match = /[^\/]\.([^.\/]*)$/.exec(key);
    var extension = match ? match[1].toLowerCase() : '';
    return owns(EXTENSIONS, extension) ? EXTENSIONS[extension] : 'jpg';
}

function negotiated(original, offered) {
    var kind = natural(original);
    var able = offered.filter(function (form) {
        return WRITTEN[form].animated || !WRITTEN[kind].animated;
    });
    return able[0] || (owns(NEGOTIATED, kind) ? 'jpg' : kind);
}

function parsed(pairs) {
    var given = Object.create(null);
    pairs.forEach(function (pair) {
        var name = owns(ALIASES, pair[0]) ? ALIASES[pair[0]] : pair[0];
        if (!owns(given, name)) given[name] = [];
        given[name].push(pair[1]);
    });
    expect(Object.keys(given).every(function (name) {
        return owns(PARAMETERS, name);
    }));
    var texts = {};
    ORDER.forEach(function (name) {
        if (owns(given, name)) texts[name] = canonical(name, given[name]);
    });
    return texts;
}

function canonical(name, received) {
    var kind = PARAMETERS[name].kind;
    expect(received.length === 1 || kind.repeats);
    var value = KINDS[kind.name](received.join(','), kind);
    expect(value !== undefined);
    return value;
}

function merged(defaults, layers) {
    var together = Object.assign.apply(null, [{}, defaults].concat(layers));
    var q = layers.some(function (layer) {
        return owns(layer, 'q');
    });
    if (!q && has((together.auto || '').split(','), 'compress')) together.q = COMPRESSED;
    var texts = {};
    ORDER.forEach(function (name) {
        var needs = PARAMETERS[name].needs;
        if (!owns(together, name) || together[name] === PARAMETERS[name].default) return;
        expect(!needs || met(needs, together));
        texts[name] = together[name];
    });
    return texts;
}

function met(needs, texts) {
    return needs.names.some(function (name) {
        return owns(texts, name) && (!needs.values.length || texts[name].split(',').some(function (value) {
            return has(needs.values, value);
        }));
    });
}

function settled(texts, format) {
    var kept = {};
    ORDER.forEach(function (name) {
        if (owns(texts, name) && !has(CHOICES, name) && (name !== 'q' || WRITTEN[format].quality)) kept[name] = texts[name];
    });
    return (canonicalText(kept) || NOTHING) + '.' + format;
}

function canonicalText(texts) {
    return ORDER.filter(function (name) {
        return owns(texts, name);
    }).map(function (name) {
        return name + '=' + texts[name].replace(/[^A-Za-z0-9._:-]/g, escaped);
    }).join(',');
}

function escaped(letter) {
    return '~' + letter.charCodeAt(0).toString(16).toUpperCase();
}

function integer(text, low, high) {
    var value = /^-?[0-9]{1,9}$/.test(text) ? Number(text) + 0 : NaN;
    return value >= low && value <= high ? String(value) : undefined;
}

function number(text) {
    var match = /^(-?)([0-9]{0,9})(?:\.([0-9]{0,6})[0-9]{0,24})?$/.exec(text);
    return match && (match[2] || match[3]) ? Number(match[1] + (match[2] || 0) + '.' + (match[3] || 0)) : NaN;
}

function shortest(value) {
    return value.toFixed(6).replace(/\.?0+$/, '').replace(/^-0$/, '0');
}

function extent(text, least, most) {
    if (!has(text, '.')) return integer(text, least, most);
    var share = number(text);
    return share > 0 && share <= 1 ? (share === 1 ? '1.0' : shortest(share)) : undefined;
}

function offset(text, names, most) {
    if (has(names, text)) return text;
    return has(text, '.') && number(text) === 0 ? '0' : extent(text, 0, most);
}

function side(text, most) {
    return text === 'full' ? '1.0' : extent(text, 1, most);
}

var KINDS = {
    Integer: function (text, kind) {
        return integer(text, kind.low, kind.high);
    },
    Number: function (text, kind) {
        var value = number(text);
        return value >= kind.low && value <= kind.high ? shortest(value) : undefined;
    },
    Length: function (text, kind) {
        return extent(text, 1, kind.most);
    },
    OneOf: function (text, kind) {
        return has(kind.options, text) ? text : undefined;
    },
    Several: function (text, kind) {
        var parts = text.split(',');
        var clash = kind.apart.some(function (group) {
            return parts.filter(function (part) {
                return has(group, part);
            }).length > 1;
        });
        var known = parts.every(function (part, at) {
            return has(kind.options, part) && parts.indexOf(part) === at;
        });
        return clash || !known ? undefined : kind.options.filter(function (option) {
            return has(parts, option);
        }).join(',');
    },
    Colour: function (text) {
        var digits = text.toLowerCase();
        // CSS's 148 names would fill a quarter of the size that CloudFront allows, so the API handles names.
        if (!/^([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/.test(digits)) return undefined;
        if (digits.length < 6) digits = digits.replace(/./g, '$&$&');
        return digits.length === 8 && digits.slice(0, 2) === 'ff' ? digits.slice(2) : digits;
    },
    Ratio: function (text) {
        var sides = text.split(':').map(number);
        return sides.length === 2 && sides.every(function (length) {
            return length > 0 && length <= 10000;
        }) ? sides.map(shortest).join(':') : undefined;
    },
    Region: function (text, kind) {
        var parts = text.split(',');
        if (parts.length !== 4) return undefined;
        var texts = [
            offset(parts[0], kind.across, kind.most), offset(parts[1], kind.down, kind.most),
            side(parts[2], kind.most), side(parts[3], kind.most)
        ];
        return has(texts, undefined) ? undefined : texts.join(',');
    }
};
