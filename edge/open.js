// For a stage that is open to everybody and has no keys: it needs no store, because the function contains the presets.

function presetOf(name) {
    expect(owns(PRESETS, name));
    return PRESETS[name];
}
