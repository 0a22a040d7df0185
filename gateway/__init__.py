"""The running application: settings, composition, transports, command line."""
