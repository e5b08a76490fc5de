"""From a campaign and a recipient to one finished message.

`templates.compile_campaign` does once what does not depend on the row: layouts are resolved, CSS is
inlined, images and shared attachments are encoded. `CompiledCampaign.assemble` fills in the rest.
Cell text is data all the way: it is escaped, encoded, never compiled and never decoded.
"""
