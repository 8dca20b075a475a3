// Where a stage is open to everybody and has no keys, there is no store: presets stand in the function itself.

function presetOf(name) {
    expect(owns(PRESETS, name));
    return PRESETS[name];
}
