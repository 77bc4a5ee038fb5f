//! Simulated network and clock, scripted phones and PBXs.
