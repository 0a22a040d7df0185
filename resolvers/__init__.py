"""The GraphQL surface, one file a noun: types, fields, loaders, mutations."""
